import type { Dim, NodeProto } from '../../onnx/model-file.ts';
import { intsOf, textOf } from './rule.ts';

/** How a convolution or a pooling walks over its spatial axes. */
export interface Window {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding of all axes in front, then of all axes behind. */
  readonly pads: readonly number[];
  readonly autoPad: string;
}

/** The window of a node over that many spatial axes, or nothing where its attributes do not fit them. */
export function windowOf(node: NodeProto, axes: number): Window | undefined {
  const listOf = (name: string, count: number, fallback: number): readonly number[] => {
    const list = intsOf(node, name) ?? [];
    return list.length === 0 ? new Array<number>(count).fill(fallback) : list;
  };
  const strides = listOf('strides', axes, 1);
  const dilations = listOf('dilations', axes, 1);
  const pads = listOf('pads', 2 * axes, 0);
  const fits = strides.length === axes && dilations.length === axes && pads.length === 2 * axes;
  const backward = (step: number): boolean => step < 1;
  if (!fits || strides.some(backward) || dilations.some(backward)) return undefined;
  return { strides, dilations, pads, autoPad: textOf(node, 'auto_pad', 'NOTSET') };
}

/** How the last window at the edge is counted. */
export type Rounding = 'floor' | 'ceil';

/**
 * The size of one spatial axis after a window went over it.
 *
 * A symbol survives where the window keeps every size.
 */
export function windowedDim(
  window: Window,
  axis: number,
  size: Dim,
  kernel: Dim,
  rounding: Rounding = 'floor',
): Dim {
  const stride = window.strides[axis] ?? 1;
  if (isSame(window)) {
    if (stride === 1) return size;
    return typeof size === 'number' ? Math.ceil(size / stride) : undefined;
  }
  if (typeof kernel !== 'number') return undefined;
  const extent = (kernel - 1) * (window.dilations[axis] ?? 1) + 1;
  const explicit = window.autoPad !== 'VALID';
  const before = explicit ? (window.pads[axis] ?? 0) : 0;
  const after = explicit ? (window.pads[axis + window.pads.length / 2] ?? 0) : 0;
  const growth = before + after - extent + 1;
  if (typeof size !== 'number') return stride === 1 && growth === 0 ? size : undefined;
  const steps = (size + growth - 1) / stride;
  // A window larger than what it goes over gives nothing, or whatever a runtime makes of it.
  if (rounding === 'floor') return steps < 0 ? undefined : Math.floor(steps) + 1;
  const last = Math.ceil(steps);
  // A window that would start in the padding behind the data is none (ONNX opset 22, as PyTorch has it).
  return last * stride >= size + before ? last : last + 1;
}

/** The size of one spatial axis after a transposed window, the inverse of {@link windowedDim}. */
export function unwindowedDim(
  window: Window,
  axis: number,
  size: Dim,
  kernel: Dim,
  outputPadding: number,
): Dim {
  const stride = window.strides[axis] ?? 1;
  const extent = typeof kernel === 'number' ? (kernel - 1) * (window.dilations[axis] ?? 1) + 1 : Number.NaN;
  let growth = outputPadding + extent - stride;
  if (isSame(window)) {
    // What is over is cut off; a window narrower than its stride leaves nothing over.
    growth = Math.min(Number.isNaN(growth) ? 0 : growth, 0);
  } else if (window.autoPad !== 'VALID') {
    growth -= (window.pads[axis] ?? 0) + (window.pads[axis + window.pads.length / 2] ?? 0);
  }
  if (typeof size !== 'number') return stride === 1 && growth === 0 ? size : undefined;
  return size * stride + growth;
}

function isSame({ autoPad }: Window): boolean {
  return autoPad === 'SAME_UPPER' || autoPad === 'SAME_LOWER';
}
