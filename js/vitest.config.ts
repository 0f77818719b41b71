import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const lean = (name: string) => fileURLToPath(new URL(`src/lean/${name}.ts`, import.meta.url));

export default defineConfig({
  // The same stand-ins as in the bundle.
  resolve: {
    alias: {
      entities: lean("entities"),
      "linkify-it": lean("linkify-it"),
      "uc.micro": lean("uc-micro"),
    },
  },
  test: {
    include: ["src/**/*.test.ts"],
    environment: "jsdom",
    // As patient as a busy machine needs; no test waits for it.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Only what passes through the bundler's own resolution meets the stand-ins.
    server: { deps: { inline: ["markdown-it"] } },
  },
});
