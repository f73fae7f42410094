/** The name and version of this package, as records and reports state them. */
export const TOOL: { readonly name: string; readonly version: string } = {
  name: 'se-inject',
  version: '0.1.0',
};
