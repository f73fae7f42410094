import { describe, expect, it } from 'vitest';
import { residualNet } from '../../fixtures/strange/nets.ts';
import { writeModel } from '../../fixtures/strange/onnx-writer.ts';
import { join, wireWriter } from '../../fixtures/wire-writer.ts';
import { refuseForeignFormat } from '../../src/onnx/foreign-format.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { errorOf } from '../helpers/error-of.ts';

const w = wireWriter();
const text = (content: string): Uint8Array => Buffer.from(content, 'latin1');

describe('refuseForeignFormat', () => {
  it.each<[string, Uint8Array, string]>([
    [
      'a Git LFS pointer',
      text('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 102442450\n'),
      'the file is a Git LFS pointer, no ONNX model: fetch the file itself with "git lfs pull"',
    ],
    [
      'a zip archive',
      text('PK\x03\x04\x14\x00\x08\x08archive/data.pkl'),
      'the file is a zip archive (a PyTorch .pt or .pth, a Keras .keras, an .npz), no ONNX model: unpack it, or export the network to ONNX',
    ],
    [
      'an empty zip archive',
      text(`PK\x05\x06${'\0'.repeat(18)}`),
      'the file is a zip archive (a PyTorch .pt or .pth, a Keras .keras, an .npz), no ONNX model: unpack it, or export the network to ONNX',
    ],
    ['gzip', text('\x1f\x8b\x08\0\0\0\0\0'), 'the file is gzip data, no ONNX model: unpack it with gunzip'],
    [
      'ORT',
      text('\x18\0\0\0ORTM\0\0\0\0'),
      'the file is a model in onnxruntime’s own format (.ort), no ONNX model: use the .onnx file that it was made from',
    ],
    [
      'TensorFlow Lite',
      text('\x1c\0\0\0TFL3\x14\0\x20\0'),
      'the file is a TensorFlow Lite model, no ONNX model: convert it with tf2onnx (--tflite)',
    ],
    [
      'HDF5',
      text('\x89HDF\r\n\x1a\n\0\0\0\0'),
      'the file is an HDF5 file (Keras .h5), no ONNX model: export the network to ONNX with tf2onnx',
    ],
    [
      'safetensors',
      text('\x58\x02\0\0\0\0\0\0{"__metadata__":{"format":"pt"}'),
      'the file is a safetensors file, no ONNX model: weights alone have no graph: export the network to ONNX',
    ],
    [
      'pickle of protocol 2',
      text('\x80\x02}q\0.'),
      'the file is a Python pickle, no ONNX model: export the network to ONNX with torch.onnx.export',
    ],
    [
      'pickle of protocol 5',
      text('\x80\x05\x95\x0b\0'),
      'the file is a Python pickle, no ONNX model: export the network to ONNX with torch.onnx.export',
    ],
    [
      'ONNX text',
      text('<\n  ir_version: 8,\n  opset_import: ["" : 17]\n>\nagraph (float[N] x) => (float[N] y) {\n}\n'),
      'the file is ONNX in its text form, no ONNX model: turn it into a binary .onnx file with onnx.parser',
    ],
    ['text', text('Not Found'), 'the file is text, no ONNX model: give a binary .onnx file'],
    ['JSON', text('{"ir_version": 8}'), 'the file is text, no ONNX model: give a binary .onnx file'],
    ['HTML', text('<!DOCTYPE html>\n<html>'), 'the file is text, no ONNX model: give a binary .onnx file'],
  ])('refuses %s', async (_, bytes, message) => {
    const error = await errorOf(scanModel(memorySource(bytes)));
    expect(error.code).toBe('onnx/foreign-format');
    expect(error.message).toBe(message);
    expect(message).toContain(`the file is ${String(error.details['format'])}, no ONNX model`);
  });

  it('refuses an empty file', async () => {
    const error = await errorOf(scanModel(memorySource(new Uint8Array(0))));
    expect(error.code).toBe('onnx/empty-file');
    expect(error.message).toBe('the file is empty: export or fetch the model again');
  });

  const model = writeModel(w, residualNet().model);
  it.each<[string, Uint8Array]>([
    ['a model', model],
    [
      'a model whose producer has the name of a format',
      join(w.int(1, 8), w.text(2, 'ORTModelForImageClassification'), model),
    ],
    [
      'a model whose producer has the name of the other',
      join(w.int(1, 8), w.text(2, 'TFL3-converter'), model),
    ],
    [
      'a model that starts with its domain, in letters',
      join(w.text(4, 'ai.example.networks.for.everyone.who.asks'), model),
    ],
    [
      'a model that starts with its metadata',
      join(w.message(14, w.text(1, 'license'), w.text(2, 'MIT')), model),
    ],
    ['a model that starts with its opset', join(w.message(8, w.int(2, 13)), model)],
    ['one byte', Uint8Array.of(8)],
  ])('lets %s pass', async (_, bytes) => {
    await expect(refuseForeignFormat(memorySource(bytes))).resolves.toBeUndefined();
  });
});
