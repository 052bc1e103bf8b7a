import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// The page asks for nothing but its own files: no inlined data, no polyfill, relative addresses.
export default defineConfig({
  base: "./",
  plugins: [svelte()],
  build: {
    outDir: "../src/seawall/terminal/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/terminal": { target: "http://127.0.0.1:3001", ws: true } } },
});
