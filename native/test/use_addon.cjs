// Preloaded by scripts/test-sanitize.ts: has Node load another build of the addon, and leaves a file that says it did.
const { writeFileSync } = require('node:fs')

const load = process.dlopen
process.dlopen = (module, file, ...flags) => {
  if (!file.endsWith('vggzoo.node')) return load.call(process, module, file, ...flags)
  load.call(process, module, process.env.SANITIZED_ADDON, ...flags)
  writeFileSync(`${process.env.SANITIZED_ADDON}.loaded`, '')
}
