import { describeMnist } from '../helpers/mnist-cases.ts';

describeMnist({ count: 500, own: 479, usual: 398 });
