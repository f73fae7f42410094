import { type GraphView, producerOf, type Use, useKey, usesOf, type ValueId } from '../graph/view.ts';
import type { FieldSpan, GraphProto, ModelFile, NodeProto } from '../onnx/model-file.ts';
import type { Edit } from '../wire/patch.ts';
import { encodeUtf8 } from '../wire/utf8.ts';
import { locateCaptures, locateStrings } from './locate.ts';

/** A place between two fields of a message. */
export type Place = Pick<Edit, 'within' | 'offset'>;

/** Collects the edits of one injection or of its undoing; positions are those of the file as read. */
export class EditList {
  readonly edits: Edit[] = [];
  readonly #view: GraphView;

  /** Starts an empty list for the model of a view. */
  constructor(view: GraphView) {
    this.#view = view;
  }

  /** Puts bytes at a place. */
  insert({ within, offset }: Place, insert: Uint8Array): void {
    this.edits.push({ within, offset, remove: 0, insert });
  }

  /** Puts bytes at the end of the file. */
  append(model: ModelFile, insert: Uint8Array): void {
    this.edits.push({ within: undefined, offset: model.source.size, remove: 0, insert });
  }

  /** Takes a whole field out, tag and all, with other bytes in its place where there are any. */
  replaceField(span: FieldSpan, insert: Uint8Array = new Uint8Array(0)): void {
    this.edits.push({ within: span.parent, offset: span.start, remove: span.end - span.start, insert });
  }

  /** Makes one use of a value read another one. */
  async redirect(use: Use, from: ValueId, to: ValueId): Promise<void> {
    if (use.kind === 'output') return;
    const node = this.#view.nodes[use.node];
    if (node === undefined) return;
    if (use.kind === 'capture') {
      for (const span of await locateCaptures(this.#view.model.source, node, from))
        this.#replaceText(span, to);
      return;
    }
    const { inputs } = await locateStrings(this.#view.model.source, node);
    const span = inputs[use.input];
    if (span !== undefined) this.#replaceText(span, to);
  }

  /** Makes a node give its value another name. */
  async renameOutput(node: NodeProto, output: number, to: ValueId): Promise<void> {
    const { outputs } = await locateStrings(this.#view.model.source, node);
    const span = outputs[output];
    if (span !== undefined) this.#replaceText(span, to);
  }

  #replaceText(span: FieldSpan, text: string): void {
    const { contentStart, end } = span;
    this.edits.push({
      within: span,
      offset: contentStart,
      remove: end - contentStart,
      insert: encodeUtf8(text),
    });
  }
}

/** The uses of a value that are not among the given ones. */
export function otherUses(view: GraphView, value: ValueId, uses: readonly Use[]): readonly Use[] {
  const given = new Set(uses.map(useKey));
  return usesOf(view, value).filter((use) => !given.has(useKey(use)));
}

/** Where new nodes go that read a value: right behind its producer, or first of all for a value that has none. */
export function placeBehind(view: GraphView, value: ValueId): Place {
  const node = producerOf(view, value);
  return node === undefined ? graphStart(view.graph) : behind(node.span);
}

/** Where new initializers go: behind the last one, or behind the last node where there are none. */
export function placeInitializers(graph: GraphProto): Place {
  const last = graph.initializer.at(-1) ?? graph.node.at(-1);
  return last === undefined ? graphStart(graph) : behind(last.span);
}

function behind(span: FieldSpan): Place {
  return { within: span.parent, offset: span.end };
}

/** A model that was scanned has a graph. */
function graphStart(graph: GraphProto): Place {
  const [segment] = graph.segments;
  return { within: segment, offset: segment?.contentStart ?? 0 };
}
