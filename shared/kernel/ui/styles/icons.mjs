// Writes ../icons.json: {name: inner SVG of the Lucide icon} for the names in icons.txt.
import { readFileSync, writeFileSync, existsSync } from "node:fs";

const here = new URL(".", import.meta.url);
const names = readFileSync(new URL("icons.txt", here), "utf8").split(/\s+/).filter(Boolean).sort();
const icons = {};
for (const name of names) {
  const file = new URL(`node_modules/lucide-static/icons/${name}.svg`, here);
  if (!existsSync(file)) throw new Error(`lucide has no icon "${name}"`);
  const svg = readFileSync(file, "utf8").replace(/<!--[\s\S]*?-->/g, "");
  icons[name] = svg
    .replace(/^[\s\S]*?<svg[^>]*>/, "")
    .replace(/<\/svg>\s*$/, "")
    .replace(/\s*\n\s*/g, "")
    .replace(/ \/>/g, "/>");
}
writeFileSync(new URL("../icons.json", here), JSON.stringify(icons, null, 1) + "\n");
console.log(`${names.length} icons`);
