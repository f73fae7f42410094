/** A program, by name and version. */
export interface ToolVersion {
  /** The package's name. */
  readonly name: string;
  /** The package's version. */
  readonly version: string;
}

/** The name and version of this package, as records and reports state them. */
export const TOOL: ToolVersion = {
  name: 'se-inject',
  version: '0.1.0',
};
