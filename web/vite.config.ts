import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

const STUDIO = 'http://127.0.0.1:8000'; // `digits studio --no-browser`, beside `npm run dev`

export default defineConfig({
  plugins: [svelte()],
  base: './',
  build: {
    outDir: '../src/digits/studio/page',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // the Content-Security-Policy wants files
    target: 'es2022',
  },
  server: {
    // The studio refuses what comes from another address, so the page must seem to come from its own.
    proxy: { '/api': { target: STUDIO, ws: true, changeOrigin: true, headers: { origin: STUDIO } } },
  },
  test: { include: ['src/**/*.test.ts'] },
});
