import { testDamage } from './damaged.ts';

testDamage(40);
