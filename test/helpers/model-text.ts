/**
 * Reads the text that `formatModel` writes, so that a test's model can stand in the test as text. Weights without
 * numbers (`{…}`) get seeded ones. Metadata, functions and sparse tensors have no place in it.
 */

import { seededNumbers } from '../../fixtures/strange/nets.ts';
import type {
  AttributeSpec,
  GraphSpec,
  ModelSpec,
  NodeSpec,
  TensorSpec,
  ValueSpec,
} from '../../fixtures/strange/onnx-writer.ts';
import { writeModel } from '../../fixtures/strange/onnx-writer.ts';
import { wireWriter } from '../../fixtures/wire-writer.ts';
import { DataType } from '../../src/onnx/data-type.ts';

/** The bytes of a model that is written as text. */
export function modelFromText(text: string): Uint8Array {
  return writeModel(wireWriter(), parseModelText(text));
}

/** Parses a model's text. */
export function parseModelText(text: string): ModelSpec {
  const reader = new TextReader(text);
  let irVersion = 8;
  let opset = 17;
  if (reader.takes('<')) {
    reader.list('>', () => {
      const key = reader.name();
      reader.take(':');
      if (key === 'ir_version') irVersion = reader.number();
      else if (key === 'opset_import') {
        reader.take('[');
        reader.list(']', () => {
          reader.name();
          reader.take(':');
          opset = reader.number();
        });
      } else reader.name();
    });
  }
  const graph = reader.graph();
  reader.end();
  return { irVersion, opset, graph };
}

/** A name, a string, a number, or one of the signs between them. */
const TOKEN = /\s*(?:"((?:[^"\\]|\\.)*)"|([()<>=[\]{},:…])|([^\s"(),<>=[\]{}:…]+))/y;

class TextReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.trimEnd();
  }

  graph(): GraphSpec {
    const name = this.name();
    this.take('(');
    const inputs = this.list(')', () => this.#value());
    this.take('=');
    this.take('>');
    this.take('(');
    const outputs = this.list(')', () => this.#value());
    const initializers: TensorSpec[] = [];
    const valueInfo: ValueSpec[] = [];
    if (this.takes('<')) {
      this.list('>', () => {
        const value = this.#value();
        if (this.takes('=')) initializers.push(this.#tensor(value));
        else valueInfo.push(value);
      });
    }
    this.take('{');
    const nodes: NodeSpec[] = [];
    while (!this.takes('}')) nodes.push(this.#node());
    return { name, nodes, initializers, inputs, outputs, valueInfo };
  }

  end(): void {
    if (this.#at < this.#text.length)
      throw new Error(`text goes on with "${this.#text.slice(this.#at, this.#at + 40)}"`);
  }

  /** Reads what comes up to the closing sign, separated by commas. */
  list<T>(close: string, read: () => T): T[] {
    const items: T[] = [];
    while (!this.takes(close)) {
      items.push(read());
      if (!this.takes(',')) {
        this.take(close);
        break;
      }
    }
    return items;
  }

  takes(sign: string): boolean {
    const { sign: found, end } = this.#token();
    if (found !== sign) return false;
    this.#at = end;
    return true;
  }

  take(sign: string): void {
    if (!this.takes(sign))
      throw new Error(`"${sign}" is missing before "${this.#text.slice(this.#at, this.#at + 40)}"`);
  }

  name(): string {
    const { text, end } = this.#token();
    if (text === undefined)
      throw new Error(`a name is missing before "${this.#text.slice(this.#at, this.#at + 40)}"`);
    this.#at = end;
    return text;
  }

  number(): number {
    return Number(this.name());
  }

  #token(): { readonly sign?: string; readonly text?: string; readonly end: number } {
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.#text);
    if (match === null) return { end: this.#at };
    const [, quoted, sign, bare] = match;
    const text = quoted?.replace(/\\(.)/g, '$1') ?? bare;
    return {
      ...(sign === undefined ? {} : { sign }),
      ...(text === undefined ? {} : { text }),
      end: TOKEN.lastIndex,
    };
  }

  /** `float[N,3] x`; a tensor in an attribute has no name. */
  #value(): ValueSpec & { readonly name: string } {
    const type = this.name();
    const dataType = Object.entries(DataType).find(([name]) => name === type.toUpperCase())?.[1];
    if (dataType === undefined) throw new Error(`there is no data type "${type}"`);
    const dims = this.takes('[')
      ? this.list(']', () => {
          const dim = this.name();
          return Number.isNaN(Number(dim)) ? dim : Number(dim);
        })
      : [];
    const { text } = this.#token();
    return { dataType, dims, name: text === undefined ? '' : this.name() };
  }

  #tensor({ name, dims: sizes, dataType }: ValueSpec & { readonly name: string }): TensorSpec {
    const dims = sizes.map(Number);
    const count = dims.reduce((product, dim) => product * dim, 1);
    this.take('{');
    if (!this.takes('…'))
      return {
        name,
        dims,
        values: this.list('}', () => this.number()),
        ...(dataType === undefined ? {} : { dataType }),
      };
    this.take('}');
    const seed = [...name].reduce((sum, character) => sum * 31 + character.charCodeAt(0), 7);
    const values = seededNumbers(count, seed, (3 / Math.max(1, count / (dims[0] ?? 1))) ** 0.5);
    return { name, dims, values, ...(dataType === undefined ? {} : { dataType }) };
  }

  #node(): NodeSpec {
    let name: string | undefined;
    if (this.takes('[')) {
      name = this.name();
      this.take(']');
    }
    const output = this.list('=', () => this.name());
    const operator = this.name();
    const dot = operator.lastIndexOf('.');
    const attributes: Record<string, AttributeSpec> = {};
    if (this.takes('<')) {
      this.list('>', () => {
        const key = this.name();
        this.take(':');
        attributes[key] = this.#attribute(this.name());
      });
    }
    this.take('(');
    const input = this.list(')', () => this.name());
    return {
      opType: operator.slice(dot + 1),
      input,
      output,
      attributes,
      ...(name === undefined ? {} : { name }),
      ...(dot < 0 ? {} : { domain: operator.slice(0, dot) }),
    };
  }

  #attribute(type: string): AttributeSpec {
    this.take('=');
    switch (type) {
      case 'int':
        return { int: this.number() };
      case 'float':
        return { float: this.number() };
      case 'ints':
        this.take('[');
        return { ints: this.list(']', () => this.number()) };
      case 'tensor':
        return { tensor: this.#tensor(this.#value()) };
      case 'graph':
        return { graph: this.graph() };
      default:
        throw new Error(`attributes of type "${type}" cannot be read`);
    }
  }
}
