import { describe, expect, it } from 'vitest';
import { childPath, type FieldPath, formatPath, MODEL_PATH } from '../../src/wire/field-path.ts';
import { errorOf } from '../helpers/error-of.ts';

function nested(depth: number): FieldPath {
  let path = MODEL_PATH;
  for (let at = 0; at < depth; at += 1) path = childPath(path, 'g', at, at);
  return path;
}

describe('formatPath', () => {
  it('writes names and places', () => {
    const node = childPath(childPath(MODEL_PATH, 'graph', 0), 'node', 9, 12);
    expect(formatPath(MODEL_PATH)).toBe('model');
    expect(formatPath(childPath(node, 'attribute', 20, 0))).toBe('model.graph.node[12].attribute[0]');
  });

  it('keeps a long path to its innermost steps', () => {
    expect(formatPath(nested(11))).toBe('model.g[0].g[1].g[2].g[3].g[4].g[5].g[6].g[7].g[8].g[9].g[10]');
    expect(formatPath(nested(12))).toBe('….g[0].g[1].g[2].g[3].g[4].g[5].g[6].g[7].g[8].g[9].g[10].g[11]');
  });
});

describe('childPath', () => {
  it('stops at a depth of 100', async () => {
    expect(nested(100).depth).toBe(100);
    const error = await errorOf(() => nested(101));
    expect(error.code).toBe('wire/too-deep');
    expect(error.details).toEqual({ offset: 100, field: formatPath(nested(100)), limit: 100 });
  });
});
