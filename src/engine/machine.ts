import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { processorName } from './processor.ts'

/** The properties of a machine that decide how fast its engines are. */
export interface Machine {
  processor: string
  cores: number
  /** As the system names them, without loading a driver: PCI's vendor and device, and NVIDIA's driver. Linux only. */
  gpus: string[]
}

export function thisMachine(): Machine {
  return { processor: processorName(), cores: availableParallelism(), gpus: gpus() }
}

/** A GPU by its device file on Linux, or a Vulkan driver that a person names. Elsewhere only Dawn itself can tell. */
export function hasGpuDevice(): boolean {
  if (process.platform !== 'linux') return true
  if (process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES) return true
  const isGpu = (name: string) => /^(nvidia\d+|dxg|renderD\d+)$/.test(name)
  return readdirSync('/dev').some(isGpu) || (existsSync('/dev/dri') && readdirSync('/dev/dri').some(isGpu))
}

function gpus(): string[] {
  const root = '/sys/bus/pci/devices'
  const read = (...path: string[]) => readFileSync(join(...path), 'utf8').trim()
  const found: string[] = []
  if (existsSync(root)) {
    for (const device of readdirSync(root)) {
      const folder = join(root, device)
      // The PCI base class 03: display controllers.
      if (!read(folder, 'class').startsWith('0x03')) continue
      found.push(`${read(folder, 'vendor')}:${read(folder, 'device')}`)
    }
  }
  const driver = '/proc/driver/nvidia/version'
  if (existsSync(driver)) found.push(read(driver).split('\n')[0]!)
  return found.sort()
}
