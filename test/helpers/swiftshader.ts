import { existsSync } from 'node:fs';
import process from 'node:process';
import { hasPart } from './parts.ts';

/** Where Debian's chromium puts the description of its software Vulkan driver. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** The driver that WebGPU tests in Node use: the one that is named already, else SwiftShader. */
export const VULKAN_ENV: Readonly<Record<string, string>> = {
  VK_DRIVER_FILES: process.env['VK_DRIVER_FILES'] ?? SWIFTSHADER,
};

/** Whether WebGPU can be tested in Node. */
export const HAS_WEBGPU: boolean = hasPart(
  'a Vulkan driver',
  existsSync(VULKAN_ENV['VK_DRIVER_FILES'] ?? ''),
  'apt-get install chromium libvulkan1, or name one in VK_DRIVER_FILES',
);
