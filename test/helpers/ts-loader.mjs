// Lets Node 20 load the TypeScript sources, for the child processes that a test forks and their threads: they inherit
// `--import <this file>`. The syntax is erasable and imports carry their endings, so erasing the types is all it takes.
import { register } from 'node:module';

register('./ts-hooks.mjs', import.meta.url);
