import { resolve } from 'node:path'
import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: resolve(import.meta.dirname, '../dist/web'),
    emptyOutDir: true,
    target: 'es2022',
    // A picture within a style would need no request, and a policy that allows less is worth more.
    assetsInlineLimit: 0,
    // What it adds is an inline script for browsers that can't preload modules: none of those that are supported.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // Which scripts a page needs, for `npm run bench -- dashboard`. No address leads to it.
    manifest: true,
    rolldownOptions: {
      output: {
        // What many pages have in common is one file: a page that waits for fifteen small ones waits for the slowest.
        codeSplitting: { groups: [{ name: 'common', test: /web\/(?!chart)/, minShareCount: 4 }] },
      },
    },
  },
  // `npm run dev:web`: pages change as one types, and talk to a server that is running.
  server: {
    proxy: Object.fromEntries(
      ['/graphql', '/downloads', '/health', '/metrics'].map((path) => [
        path,
        { target: process.env.VGGZOO_URL ?? 'http://127.0.0.1:4000', changeOrigin: true, ws: true },
      ]),
    ),
  },
})
