import { describe, expect, it } from 'vitest';
import { Accuracy } from '../../src/evaluate/accuracy.ts';
import { CrossEntropy, scoreRow } from '../../src/evaluate/scores.ts';

describe('scoreRow', () => {
  it.each([
    ['the largest', [0.1, 0.7, 0.2], 1, { predicted: 1, rank: 0, finite: true }],
    ['the second', [0.1, 0.7, 0.2], 2, { predicted: 1, rank: 1, finite: true }],
    ['of equal ones the first', [3, 5, 5], 2, { predicted: 1, rank: 1, finite: true }],
    ['the first of equal ones', [3, 5, 5], 1, { predicted: 1, rank: 0, finite: true }],
    ['NaN counts as the largest', [1, Number.NaN, 9], 2, { predicted: 1, rank: 1, finite: false }],
    ['a NaN of its own is no answer', [1, Number.NaN, 9], 1, { predicted: 1, rank: 3, finite: false }],
    ['infinity is a number', [1, Number.POSITIVE_INFINITY, 9], 1, { predicted: 1, rank: 0, finite: false }],
    [
      'all minus infinity',
      [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
      0,
      { predicted: 0, rank: 0, finite: false },
    ],
  ])('ranks %s', (_what, row, label, expected) => {
    const padded = Float32Array.from([99, ...row, 99]);
    expect(scoreRow(padded, 1, row.length, label)).toEqual(expected);
  });
});

describe('cross-entropy', () => {
  it('is told from logits by what softmax gives', () => {
    const entropy = new CrossEntropy();
    entropy.add(Float64Array.of(2, 1, -1), 0, 3, 0);
    entropy.add(Float64Array.of(1000, 0, 0), 0, 3, 1);
    const first = -Math.log(Math.exp(2) / (Math.exp(2) + Math.exp(1) + Math.exp(-1)));
    expect(entropy.kind).toBe('logits');
    expect(entropy.mean).toBeCloseTo((first + 1000) / 2, 12);
  });

  it('is told from probabilities where every row is one of them', () => {
    const entropy = new CrossEntropy();
    entropy.add(Float32Array.of(0.2, 0.5, 0.3), 0, 3, 1);
    entropy.add(Float32Array.of(0, 1, 0), 0, 3, 0);
    expect(entropy.kind).toBe('probabilities');
    // One sure mistake counts as a probability of 1e-12 and not of 0.
    expect(entropy.mean).toBeCloseTo((Math.log(2) - Math.log(1e-12)) / 2, 6);
  });

  it('takes a row of logits that sums to 1 by chance for what the others are', () => {
    const entropy = new CrossEntropy();
    entropy.add(Float32Array.of(0.5, 0.5), 0, 2, 0);
    entropy.add(Float32Array.of(4, -4), 0, 2, 0);
    expect(entropy.kind).toBe('logits');
  });

  it('is not told of scores from 0 to 1 that do not sum to 1, nor of nothing', () => {
    const entropy = new CrossEntropy();
    entropy.add(Float32Array.of(0.9, 0.8), 0, 2, 0);
    expect([entropy.kind, entropy.mean]).toEqual(['scores', null]);
    entropy.add(Float32Array.of(0.5, 0.5), 0, 2, 0);
    expect(entropy.kind).toBe('scores');
    expect(new CrossEntropy().mean).toBe(null);
  });

  it('leaves out what is not finite', () => {
    const entropy = new CrossEntropy();
    entropy.add(Float32Array.of(Number.NaN, 1), 0, 2, 1);
    entropy.add(Float32Array.of(2, 2), 0, 2, 1);
    expect(entropy.mean).toBeCloseTo(Math.log(2), 12);
  });
});

describe('Accuracy', () => {
  it('counts top-1, top-5, each class, and what it is taken for', () => {
    const accuracy = new Accuracy(6, ['a', 'b', 'c', 'd', 'e', 'f']);
    const rows: readonly (readonly [label: number, row: readonly number[]])[] = [
      [0, [9, 0, 0, 0, 0, 0]],
      [0, [1, 9, 0, 0, 0, 0]],
      [0, [1, 9, 0, 0, 0, 0]],
      [0, [1, 0, 9, 0, 0, 0]],
      [5, [9, 8, 7, 6, 5, 4]],
    ];
    for (const [label, row] of rows) accuracy.add(Float32Array.from(row), 0, label);
    const report = accuracy.report();
    expect(report.top1).toMatchObject({ correct: 1, total: 5, share: 0.2 });
    expect(report.top5).toMatchObject({ correct: 4, total: 5 });
    expect(report.perClass[0]).toEqual({
      index: 0,
      name: 'a',
      correct: 1,
      total: 4,
      share: 0.25,
      mistakenFor: { index: 1, name: 'b', count: 2 },
    });
    expect(report.perClass[1]).toMatchObject({ total: 0, share: null, mistakenFor: null });
    expect(report.perClass[5]).toMatchObject({ correct: 0, total: 1, mistakenFor: { index: 0, count: 1 } });
  });

  it('has no top-5 of five classes, and keeps no matrix of tens of thousands', () => {
    expect(new Accuracy(5, undefined).report().top5).toBe(null);
    const many = new Accuracy(30_000, undefined);
    const row = new Float32Array(30_000);
    row[7] = 1;
    many.add(row, 0, 8);
    expect(many.report().perClass[8]).toMatchObject({ total: 1, correct: 0, mistakenFor: null });
  });
});
