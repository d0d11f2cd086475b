// Vite inlines a shader imported with `?raw` as its text.
declare module '*.wgsl?raw' {
  const source: string;
  export default source;
}
