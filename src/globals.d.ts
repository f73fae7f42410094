/**
 * The globals that the core uses and that browsers and Node both have.
 *
 * The core compiles with neither library's types, so that a global of one of them cannot slip in; each name here is a
 * decision. Only what the core calls is declared. The edges and the tests do not see this file: they have the real types.
 */

declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}

declare class TextDecoder {
  constructor(label?: 'utf-8', options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: Uint8Array): string;
}

interface Blob {
  readonly size: number;
  slice(start?: number, end?: number): Blob;
  arrayBuffer(): Promise<ArrayBuffer>;
}

declare const Blob: {
  new (parts?: readonly (Blob | Uint8Array<ArrayBuffer> | string)[], options?: { type?: string }): Blob;
};

declare const performance: { now(): number };
