import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** The only one that has Debian's PyTorch. */
const PYTHON = '/usr/bin/python3'

/** In CI a missing PyTorch is a failure, and never a skipped test. */
export function hasModules(...names: string[]): boolean {
  return process.env.CI !== undefined || spawnSync(PYTHON, ['-c', `import ${names.join(', ')}`]).status === 0
}

/** Runs a script of this folder, and answers what it prints. */
export function python(script: string, ...args: string[]): string {
  return execFileSync(PYTHON, argumentsOf(script, args), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** A script of this folder that does what each line asks of it, and then answers with a line: to load PyTorch takes seconds. */
export function startPython(script: string): { ask(what: object): Promise<string>; end(): void } {
  const child: ChildProcess = spawn(PYTHON, argumentsOf(script, []), { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout! })
  const ended = once(child, 'exit').then(([code]): never => {
    throw new Error(`${script} ended with ${code}: see above.`)
  })
  // Whoever waits for an answer is told.
  ended.catch(() => {})
  return {
    async ask(what) {
      child.stdin!.write(`${JSON.stringify(what)}\n`)
      const [line] = await Promise.race([once(lines, 'line'), ended])
      return line
    },
    end: () => void child.kill(),
  }
}

function argumentsOf(script: string, args: readonly string[]): string[] {
  // Without files of bytecode beside it.
  return ['-B', join(import.meta.dirname, script), ...args]
}
