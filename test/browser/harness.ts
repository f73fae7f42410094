/**
 * Opens a page in Debian's Chromium, with WebGPU on the software adapter, from a server on this machine alone. The page
 * is page.ts, bundled; a test calls its functions as if they were its own.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { type ErrorCode, SeInjectError } from '../../src/errors.ts';
import { hasPart } from '../helpers/parts.ts';
import type { PageApi, PageGlobal } from './page.ts';

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

/** A name for this machine that a browser does not know for one, so that a page from there is as one from the net. */
const UNTRUSTED_HOST = 'page.test';

const CHROMIUM_ARGS = [
  `--host-resolver-rules=MAP ${UNTRUSTED_HOST} 127.0.0.1`,
  // A container's root cannot make sandboxes.
  '--no-sandbox',
  // WebGPU is off on Linux, and with software adapters everywhere.
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  // The whole browser without a window: the old headless mode, which playwright would choose, has no WebGPU.
  '--headless=new',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** Where onnxruntime-web's own files lie. */
const ORT_FOLDER = dirname(fileURLToPath(import.meta.resolve('onnxruntime-web/webgpu')));

/** How a page is opened. */
export interface PageOptions {
  /** Whether the page is isolated from other origins, so that it has shared memory and threads. */
  readonly isolated?: boolean;
  /** Whether the page is of an origin that browsers trust, by default yes; they give WebGPU to no other. */
  readonly trusted?: boolean;
}

/** A page that is open. */
export interface TestPage {
  /**
   * Calls a function of page.ts. Arguments and result are copied: plain data, typed arrays and big integers, no Maps and
   * no Blobs. A SeInjectError that it throws is thrown here.
   */
  call<K extends keyof PageApi>(name: K, ...args: Parameters<PageApi[K]>): ReturnType<PageApi[K]>;
  /** What the page has written to its console so far. */
  readonly console: readonly string[];
}

interface Opened {
  readonly browser: Browser;
  readonly server: Server;
  readonly port: number;
}

let opened: Promise<Opened> | undefined;

/** What the server has besides the page. */
const files = new Map<string, Uint8Array>();

/** Gives bytes a URL that every page can fetch. */
export function serve(bytes: Uint8Array): string {
  const url = `/files/${files.size}`;
  files.set(url, bytes);
  return url;
}

/** Opens a page, in a browser that the first call starts. */
export async function openPage(options: PageOptions = {}): Promise<TestPage> {
  const { isolated = false, trusted = true } = options;
  opened ??= open();
  const { browser, port } = await opened;
  const page = await browser.newPage();
  const lines: string[] = [];
  page.on('console', (message) => lines.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => lines.push(`uncaught: ${error.message}`));
  await page.goto(`http://${trusted ? '127.0.0.1' : UNTRUSTED_HOST}:${port}/${isolated ? 'isolated' : ''}`);
  try {
    await page.waitForFunction(() => 'callApi' in globalThis, undefined, { timeout: 30_000 });
  } catch (cause) {
    throw new Error(`the page did not start:\n${lines.join('\n')}`, { cause });
  }
  return {
    call: <K extends keyof PageApi>(name: K, ...args: Parameters<PageApi[K]>) =>
      callPage(page, name, args) as ReturnType<PageApi[K]>,
    console: lines,
  };
}

/** Whether there is a browser with WebGPU to test in, which is found out by starting it. */
export async function hasBrowser(): Promise<boolean> {
  const remedy = 'apt-get install chromium libvulkan1, or name another in CHROMIUM_PATH';
  if (!hasPart('chromium', existsSync(CHROMIUM), remedy)) return false;
  const page = await openPage();
  const adapter = await page.call('hasAdapter');
  if (!adapter) {
    await closePages();
    console.warn(`"${CHROMIUM}" has no WebGPU adapter: ${remedy}`);
  }
  return hasPart('a WebGPU adapter in chromium', adapter, remedy);
}

/** Ends the browser and the server, if a page was opened. */
export async function closePages(): Promise<void> {
  if (opened === undefined) return;
  const { browser, server } = await opened;
  opened = undefined;
  await browser.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

async function open(): Promise<Opened> {
  const server = await listen(await bundle());
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    // Else playwright adds the old headless mode's arguments to those above.
    headless: false,
    args: CHROMIUM_ARGS,
  });
  return { browser, server, port: (server.address() as AddressInfo).port };
}

async function callPage(page: Page, name: string, args: readonly unknown[]): Promise<unknown> {
  const outcome = await page.evaluate(
    ([name, args]) => (globalThis as unknown as PageGlobal).callApi(name, args),
    [name, args] as const,
  );
  if (outcome.ok) return outcome.value;
  const { code, message, details } = outcome.error;
  throw code === undefined
    ? new Error(`in the page: ${message}`)
    : new SeInjectError(code as ErrorCode, message, { details });
}

/**
 * page.ts and what it imports of src, in one module. onnxruntime-web stays outside, as it was published: its bundle holds
 * WebAssembly that is better not copied.
 */
async function bundle(): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    root: join(import.meta.dirname, '..', '..'),
    build: {
      write: false,
      target: 'esnext',
      minify: false,
      rolldownOptions: {
        input: join(import.meta.dirname, 'page.ts'),
        external: ['onnxruntime-web/webgpu'],
        output: { format: 'es', entryFileNames: 'page.js' },
      },
    },
  });
  if (Array.isArray(result) || !('output' in result)) throw new Error('vite made more than one bundle');
  return result.output[0].code;
}

/** What the bundle leaves outside is found through an import map, as a page without a bundler would find it. */
const HTML = `<!doctype html>
<meta charset="utf-8">
<title>se-inject test page</title>
<link rel="icon" href="data:,">
<script type="importmap">{ "imports": { "onnxruntime-web/webgpu": "/ort/ort.webgpu.bundle.min.mjs" } }</script>
<script type="module" src="/page.js"></script>
`;

const TYPES: Readonly<Record<string, string>> = { mjs: 'text/javascript', wasm: 'application/wasm' };

/** Serves the page on a free port of this machine. */
async function listen(script: string): Promise<Server> {
  const server = createServer((request, response) => {
    respond(request.url ?? '', script, response).catch((error: unknown) => {
      response.writeHead(404).end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function respond(url: string, script: string, response: ServerResponse): Promise<void> {
  const send = (type: string, body: string | Uint8Array, headers: Record<string, string> = {}): void => {
    // All that an isolated page loads has to agree to it, its workers' scripts by the same header.
    response.writeHead(200, {
      'Content-Type': type,
      'Cross-Origin-Embedder-Policy': 'require-corp',
      ...headers,
    });
    response.end(body);
  };
  const file = files.get(url);
  if (url === '/') send('text/html', HTML, { 'Cross-Origin-Embedder-Policy': 'unsafe-none' });
  else if (url === '/isolated') send('text/html', HTML, { 'Cross-Origin-Opener-Policy': 'same-origin' });
  else if (url === '/page.js') send('text/javascript', script);
  else if (file !== undefined) send('application/octet-stream', file);
  else if (url.startsWith('/ort/')) {
    const name = basename(url);
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'text/plain';
    // Kept by the browser, which also keeps what it compiled of the 27 MB.
    const headers = { 'Cache-Control': 'max-age=3600, immutable' };
    send(type, await readFile(join(ORT_FOLDER, name)), headers);
  } else throw new Error(`the page asks for "${url}"`);
}
