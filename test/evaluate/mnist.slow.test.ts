import { describeMnist } from '../helpers/mnist-cases.ts';

describeMnist({ count: 10_000, own: 9658, usual: 8220 });
