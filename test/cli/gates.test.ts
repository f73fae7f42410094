import { copyFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { testFolder } from '../helpers/folder.ts';
import { hasMnist, MNIST, MNIST_NET, OWN_NORMALIZATION } from '../helpers/mnist.ts';
import { runCli } from '../helpers/run-cli.ts';

const DATA = ['--data', MNIST, ...OWN_NORMALIZATION, '--limit', '64'];

describe.skipIf(!hasMnist)('gates', () => {
  const folder = testFolder();

  async function injected(...options: readonly string[]): Promise<string> {
    copyFileSync(MNIST_NET, folder.at('net.onnx'));
    await runCli([
      folder.at('net.onnx'),
      '-o',
      folder.at('net.se.onnx'),
      '--verify',
      'off',
      '--quiet',
      ...options,
    ]);
    return folder.at('net.se.onnx');
  }

  it('says that a neutral model has not been trained', async () => {
    const run = await runCli(['gates', await injected(), ...DATA]);
    expect(run).toMatchObject({ exitCode: 0, err: '' });
    expect(run.out).toMatch(/^2_1 +64 +1\.000 +0\.000 +1\.000 +1\.000 +- +0\.0% +0\.0% +0 +all$/m);
    expect(run.out).toMatch(
      /^All gates are 1, whatever the input: the blocks have not been trained yet, and change nothing\.$/m,
    );
  });

  it('shows gates that move, as JSON and as a picture', async () => {
    const model = await injected('--init', 'kaiming-uniform');
    const svg = folder.at('gates.svg');
    const run = await runCli(['gates', model, ...DATA, '--json', '--svg', svg, '--svg-classes', '7,2']);
    expect(run).toMatchObject({ exitCode: 0, err: '' });
    const { gates, tool } = JSON.parse(run.out);
    expect(tool.name).toBe('se-inject');
    expect(gates).toMatchObject({ data: { samples: 64 }, proposal: null, findings: [] });
    expect(gates.sites.map(({ id, channels }: { id: string; channels: number }) => [id, channels])).toEqual([
      ['0_1', 16],
      ['1_1', 32],
      ['2_1', 64],
    ]);
    const [, , last] = gates.sites;
    expect(last.mean).toHaveLength(64);
    expect(last.byClass.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(last.byClass[0].mean).toHaveLength(64);
    // The deepest gates tell the classes apart most, as the paper has it.
    expect(last.classDependence).toBeGreaterThan(gates.sites[0].classDependence);
    const picture = new TextDecoder().decode(folder.read('gates.svg'));
    expect(picture).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(picture.match(/>class \d</g)).toEqual(['>class 7<', '>class 2<']);
    const again = await runCli(['gates', model, ...DATA, '--svg', svg]);
    expect(again).toMatchObject({ exitCode: 2, out: '' });
    expect(again.err).toContain('[node/output-exists]');
    expect((await runCli(['gates', model, ...DATA, '--svg', svg, '--force'])).out).toMatch(
      /^The picture is in .*gates\.svg\.$/m,
    );
  });

  it.each<[string, readonly string[], RegExp]>([
    ['no data', ['gates', 'a.onnx'], /required option '--data <path>' not specified/],
    ['stdin', ['gates', '-', '--data', 'x'], /a model that is run must be a file/],
    ['a model without blocks', ['gates', MNIST_NET, ...DATA], /\[splice\/no-record\]/],
    ['no model', ['gates', 'nope.onnx', ...DATA], /\[node\/not-found\]/],
  ])('refuses %s', async (_what, argv, message) => {
    const run = await runCli(argv);
    expect(run).toMatchObject({ exitCode: 2, out: '' });
    expect(run.err).toMatch(message);
  });
});
