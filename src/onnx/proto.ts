/**
 * The one door to onnx-proto, whose classes give a typed view of small messages and encode new ones.
 *
 * It is frozen at ONNX 1.10 and drops every field it does not know, so what came from a file is never written back
 * through it. It trusts its input: `scan-message.ts` checks a message before it is decoded here.
 */
import proto from 'onnx-proto';

/** The message classes of ONNX 1.10. */
export const onnx: typeof proto.onnx = proto.onnx;
