import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { faultOf } from '../../src/evaluate/faults.ts';
import { type DataFault, type Geometry, isFault } from '../../src/evaluate/sample.ts';
import { type DataOptions, openData } from '../../src/node/eval-data.ts';
import { openDecoder } from '../../src/node/eval-images.ts';
import { errorOf } from '../helpers/error-of.ts';
import { testFolder } from '../helpers/folder.ts';

const folder = testFolder();
const AS_IS: Geometry = { resize: { mode: 'none' }, crop: null, interpolation: 'bilinear' };

/** A picture of one colour, written as the ending of its name says. */
async function paint(name: string, colour = '#ff8000', width = 6, height = 4): Promise<string> {
  const path = folder.at(...name.split('/'));
  mkdirSync(dirname(path), { recursive: true });
  await sharp({ create: { width, height, channels: 3, background: colour } }).toFile(path);
  return path;
}

function put(name: string, content: string | Uint8Array): void {
  const path = folder.at(...name.split('/'));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** Labels and first pixels of all samples; what cannot be decoded counts as a fault. */
async function all(path: string, options: DataOptions = {}) {
  const { dataset } = await openData(path, options);
  const samples: (readonly [name: string, label: number | null, red: number])[] = [];
  const faults: DataFault[] = [];
  for await (const item of dataset.walk()) {
    if (isFault(item)) {
      faults.push(item);
      continue;
    }
    try {
      const { array } = await item.load(AS_IS);
      samples.push([item.name, item.label, Number(array.data[0])]);
    } catch (error) {
      const fault = faultOf(error);
      if (fault === undefined) throw error;
      faults.push(fault);
    }
  }
  return { dataset, samples, faults };
}

describe('the decoder', () => {
  it.each(['png', 'jpg', 'webp', 'tiff', 'gif'])('reads %s', async (ending) => {
    const decoder = await openDecoder();
    const { array, layout } = await decoder.decode(await paint(`a.${ending}`), AS_IS);
    expect([array.dims, layout]).toEqual([[4, 6, 3], 'hwc']);
    const [red = 0, green = 0, blue = 0] = array.data as Uint8Array;
    expect(Math.abs(red - 255) + Math.abs(green - 128) + Math.abs(blue)).toBeLessThan(8);
  });

  it('gives three channels of grey, of 16 bits, of an alpha, of four inks', async () => {
    const decoder = await openDecoder();
    const base = sharp({
      create: { width: 3, height: 2, channels: 4, background: { r: 200, g: 200, b: 200, alpha: 0 } },
    });
    const files = {
      'grey.png': base.clone().removeAlpha().greyscale(),
      'deep.png': base.clone().toColourspace('rgb16'),
      'alpha.png': base.clone(),
      'inks.jpg': base.clone().removeAlpha().toColourspace('cmyk').withMetadata(),
    };
    for (const [name, image] of Object.entries(files)) {
      await image.toFile(folder.at(name));
      const { array } = await decoder.decode(folder.at(name), AS_IS);
      expect([name, array.dims]).toEqual([name, [2, 3, 3]]);
      // The colour behind a full transparency is kept, as Pillow's convert('RGB') keeps it.
      for (const value of array.data as Uint8Array)
        expect(Math.abs(value - 200)).toBeLessThan(name === 'inks.jpg' ? 20 : 2);
    }
  });

  it('resizes to the shorter side, exactly, and by each filter', async () => {
    const decoder = await openDecoder();
    const path = await paint('wide.png', '#102030', 64, 40);
    const dims = async (resize: Geometry['resize'], interpolation: Geometry['interpolation'] = 'bilinear') =>
      (await decoder.decode(path, { resize, crop: null, interpolation })).array.dims;
    expect(await dims({ mode: 'shorter', size: 25 })).toEqual([25, 40, 3]);
    for (const filter of ['nearest', 'bilinear', 'bicubic', 'lanczos'] as const)
      expect(await dims({ mode: 'exact', width: 5, height: 7 }, filter)).toEqual([7, 5, 3]);
  });

  it('filters as the geometry says', async () => {
    const decoder = await openDecoder();
    // A step from black to white, made twice as wide.
    const pixels = Uint8Array.from({ length: 24 }, (_, i) => (i % 12 < 6 ? 0 : 255));
    await sharp(pixels, { raw: { width: 4, height: 2, channels: 3 } }).toFile(folder.at('step.png'));
    const values = async (interpolation: Geometry['interpolation']) =>
      new Set(
        (
          await decoder.decode(folder.at('step.png'), {
            resize: { mode: 'exact', width: 8, height: 2 },
            crop: null,
            interpolation,
          })
        ).array.data as Uint8Array,
      ).size;
    expect(await values('nearest')).toBe(2);
    expect(await values('bilinear')).toBeGreaterThan(2);
  });

  it('leaves the orientation in EXIF alone, as Pillow does', async () => {
    const image = sharp({ create: { width: 6, height: 4, channels: 3, background: 'red' } });
    await image.withMetadata({ orientation: 6 }).toFile(folder.at('turned.jpg'));
    expect((await (await openDecoder()).decode(folder.at('turned.jpg'), AS_IS)).array.dims).toEqual([
      4, 6, 3,
    ]);
  });

  it('tells what cannot be decoded from what is not there', async () => {
    const decoder = await openDecoder();
    const whole = await paint('whole.jpg', '#123456', 200, 200);
    const { readFileSync } = await import('node:fs');
    const bytes = readFileSync(whole);
    const cut = folder.write('cut.jpg', bytes.subarray(0, bytes.length - 200));
    const text = folder.write('text.png', 'no picture');
    const empty = folder.write('empty.png', '');
    for (const path of [cut, text, empty])
      expect((await errorOf(decoder.decode(path, AS_IS))).details).toMatchObject({
        kind: 'undecodable',
        name: path,
      });
    for (const path of [folder.at('nope.png'), folder.at('.')])
      expect((await errorOf(decoder.decode(path, AS_IS))).details).toMatchObject({ kind: 'missing-file' });
  });

  it('brings arrays to another size, planes and pixels alike', async () => {
    const decoder = await openDecoder();
    const planes = Uint8Array.from({ length: 3 * 36 }, (_, i) => (i < 36 ? 10 : i < 72 ? 20 : 30));
    const resized = await decoder.resize(
      { array: { dataType: 'uint8', dims: [3, 6, 6], data: planes }, layout: 'chw' },
      2,
      3,
      'bilinear',
    );
    expect(resized).toMatchObject({ array: { dims: [3, 2, 3] }, layout: 'hwc' });
    expect(Array.from(resized.array.data as Uint8Array).slice(0, 3)).toEqual([10, 20, 30]);
    const grey = await decoder.resize(
      { array: { dataType: 'uint8', dims: [6, 6], data: new Uint8Array(36).fill(7) } },
      3,
      3,
      'nearest',
    );
    expect(Array.from(grey.array.data as Uint8Array)).toEqual(new Array(9).fill(7));
    const floats = { array: { dataType: 'float32' as const, dims: [2, 2], data: new Float32Array(4) } };
    expect(await decoder.resize(floats, 1, 1, 'nearest')).toBe(floats);
  });

  it('is missed in words', async () => {
    const error = await errorOf(openDecoder(() => Promise.reject(new Error('not found'))));
    expect(error.code).toBe('evaluate/decoder-missing');
    expect(error.message).toMatch(/npm install sharp; arrays .* work without it/);
  });
});

describe('a folder of images', () => {
  it('has its classes sorted, its files sorted, at any depth', async () => {
    await paint('dog/b.png', '#020000');
    await paint('dog/a/z.jpeg', '#010000');
    await paint('cat/1.png', '#040000');
    await paint('Ant/x.png', '#050000');
    put('cat/.DS_Store', 'x');
    // What macOS and others leave behind is neither a class nor an image.
    put('cat/._1.png', 'x');
    put('.cache/a.png', 'x');
    put('cat/notes.txt', 'x');
    const { dataset, samples, faults } = await all(folder.at('.'));
    expect(dataset).toMatchObject({ format: 'images', size: 4, classNames: ['Ant', 'cat', 'dog'] });
    expect(samples.map(([name, label]) => [name, label])).toEqual([
      ['Ant/x.png', 0],
      ['cat/1.png', 1],
      ['dog/a/z.jpeg', 2],
      ['dog/b.png', 2],
    ]);
    expect(faults).toEqual([]);
    expect(dataset.notes).toEqual([
      expect.stringMatching(/files that are no images were passed over, such as ".*notes\.txt"/),
    ]);
  });

  it('goes by a file of classes, by WNIDs or names', async () => {
    await paint('n01443537/a.png');
    await paint('tench/b.png');
    await paint('n09999999/c.png');
    const classes = folder.write('classes.txt', 'n01440764 tench\nn01443537 goldfish, Carassius auratus\n');
    const { dataset, samples, faults } = await all(folder.at('.'), { classes });
    expect(dataset.classNames).toEqual(['tench', 'goldfish, Carassius auratus']);
    expect(samples.map(([name, label]) => [name, label])).toEqual([
      ['n01443537/a.png', 1],
      ['tench/b.png', 0],
    ]);
    expect(faults).toMatchObject([{ kind: 'unknown-label', name: 'n09999999', count: 1 }]);
  });

  it('names empty classes, broken images and broken links, and goes on', async () => {
    await paint('cat/a.png');
    mkdirSync(folder.at('ant'));
    put('cat/b.png', 'no picture');
    symlinkSync(folder.at('gone.png'), folder.at('cat', 'c.png'));
    const { samples, faults } = await all(folder.at('.'));
    expect(samples.map(([name]) => name)).toEqual(['cat/a.png']);
    expect(faults.map(({ kind }) => kind)).toEqual(['empty-class', 'undecodable', 'missing-file']);
  });

  it('lets the classes take turns where only some samples are wanted', async () => {
    for (const name of ['a/1.png', 'a/2.png', 'a/3.png', 'b/1.png', 'b/2.png']) await paint(name);
    const { samples, dataset } = await all(folder.at('.'), { interleave: true });
    expect(samples.map(([name]) => name)).toEqual(['a/1.png', 'b/1.png', 'a/2.png', 'b/2.png', 'a/3.png']);
    expect(dataset.notes).toContain('with a limit, the classes take turns');
  });

  it('takes the validation part where parts lie side by side', async () => {
    await paint('train/cat/a.png');
    await paint('val/cat/b.png');
    mkdirSync(folder.at('test'));
    expect((await all(folder.at('.'))).samples.map(([name]) => name)).toEqual(['cat/b.png']);
    expect((await all(folder.at('.'), { split: 'train' })).samples.map(([name]) => name)).toEqual([
      'cat/a.png',
    ]);
  });

  it('warns of folders that are numbers of several lengths', async () => {
    await paint('2/a.png');
    await paint('10/a.png');
    const { dataset } = await all(folder.at('.'));
    expect(dataset.classNames).toEqual(['10', '2']);
    expect(dataset.notes).toEqual([expect.stringMatching(/^the class folders are numbers/)]);
  });

  it.each([
    ['a class twice', 'cat\ncat\n', /names class "cat" twice/],
    ['no class', '\n\n', /names no class/],
    ['JSON that is none', '{"0": ', /begins like JSON and is none/],
    ['JSON with a hole', '{"0": "a", "2": "b"}', /has no class 1 of 2/],
  ])('refuses a file of classes with %s', async (_what, text, message) => {
    await paint('cat/a.png');
    const error = await errorOf(openData(folder.at('.'), { classes: folder.write('c.txt', text) }));
    expect(error.code).toBe('evaluate/invalid-data');
    expect(error.message).toMatch(message);
  });

  it('reads the classes of Keras', async () => {
    await paint('n01443537/a.png');
    const classes = folder.write(
      'index.json',
      '{"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}',
    );
    expect((await all(folder.at('.'), { classes })).samples[0]?.[1]).toBe(1);
  });
});

describe('a list', () => {
  it.each([
    ['CSV with a header', 'id,label,path\n1,0,a.png\n2,1,"b, c.png"\n'],
    ['CSV without one', 'a.png,0\n"b, c.png",1\n'],
    ['CSV with a mark and Windows lines', '\uFEFFpath,label\r\na.png,0\r\n"b, c.png",1\r\n\r\n'],
    ['a mark and no header', '\uFEFFa.png,0\n"b, c.png",1\n'],
    ['semicolons', 'path;class\na.png;0\nb, c.png;1\n'],
    ['tabs', 'a.png\t0\nb, c.png\t1\n'],
    ['blanks', 'a.png 0\nb, c.png 1\n'.replace('b, c', 'd e')],
    ['JSON lines', '{"image": "a.png", "label": 0}\n\n{"label": 1, "path": "b, c.png"}\n'],
    ['classes by name', 'path,label\na.png,ape\n"b, c.png",bee\n'],
  ])('is read: %s', async (_what, text) => {
    await paint('a.png', '#010000');
    await paint('b, c.png', '#020000');
    await paint('d e.png', '#020000');
    const { dataset, samples, faults } = await all(folder.write('list.txt', text));
    expect(faults).toEqual([]);
    expect(samples.map(([, label, red]) => [label, red])).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(dataset).toMatchObject({ format: 'list', size: 2 });
    expect(dataset.classNames).toEqual(text.includes('ape') ? ['ape', 'bee'] : undefined);
  });

  it('may have no labels, absolute paths, and names of a file of classes', async () => {
    const path = await paint('a.png', '#030000');
    expect((await all(folder.write('l.csv', `path\n${path}\n`))).samples).toEqual([[path, null, 3]]);
    const classes = folder.write('c.txt', 'zebra\nape\n');
    expect((await all(folder.write('l.csv', 'a.png,ape\n'), { classes })).samples).toEqual([['a.png', 1, 3]]);
  });

  it('names rows without a path, labels that mean nothing, and files that are missing', async () => {
    await paint('a.png');
    const classes = folder.write('c.txt', 'zebra\nape\n');
    const path = folder.write('l.csv', 'path,label\na.png,ape\n,ape\na.png,gnu\nb.png,1\n');
    const { samples, faults } = await all(path, { classes });
    expect(samples).toHaveLength(1);
    expect(faults.map(({ kind, name }) => [kind, name])).toEqual([
      ['bad-row', `${path}:3`],
      ['unknown-label', `${path}:4`],
      ['missing-file', folder.at('b.png')],
    ]);
    const lines = folder.write('l.jsonl', '{"path": "a.png", "label": 0}\n{"path": \n[1]\n');
    expect((await all(lines)).faults.map(({ kind, name }) => [kind, name])).toEqual([
      ['bad-row', `${lines}:2`],
      ['bad-row', `${lines}:3`],
    ]);
  });

  it.each([
    ['no column of paths', 'label,size\n1,2\n', /has no column of paths/],
    ['nothing', '\n\n', /is empty/],
  ])('is refused with %s', async (_what, text, message) => {
    const error = await errorOf(openData(folder.write('l.csv', text)));
    expect(error.code).toBe('evaluate/invalid-data');
    expect(error.message).toMatch(message);
  });
});
