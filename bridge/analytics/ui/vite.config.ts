import { defineConfig } from "vitest/config";
import { budget } from "./vite/budget.ts";
import { world } from "./vite/world.ts";

export default defineConfig({
  // Relative addresses: the page works below any path that a proxy gives it.
  base: "./",
  plugins: [world(), budget()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "/api": "http://127.0.0.1:9882" } },
  build: {
    outDir: "../static",
    emptyOutDir: true,
    // light-dark() stays as written: older targets would unfold each colour twice.
    target: ["chrome123", "firefox121", "safari17.5"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    // The dashboard, one workspace alone, and the status page: three pages over the same parts.
    rollupOptions: { input: ["index.html", "public.html", "status.html"] },
  },
  test: { include: ["{src,vite}/**/*.test.ts"] },
});
