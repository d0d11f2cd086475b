// Vite inlines a file imported with `?raw` (a shader, a page's template) as its text.
declare module '*?raw' {
  const source: string;
  export default source;
}
