// `import text from './page/index.ts?script'`: a module with all it imports, bundled for browsers as one script's text.
declare module '*?script' {
  const text: string;
  export default text;
}
