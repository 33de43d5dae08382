import { createHold } from '../concurrency/hold.ts'
import type { PrismaClient } from '../db/generated/client.ts'
import { ConflictError, NotFoundError } from '../errors.ts'
import type { Architecture, ArchitectureOrigin } from './architecture.ts'
import { type ArchitectureInput, resolveArchitecture } from './architecture-input.ts'
import { architectures as builtIn } from './catalog.ts'
import { type FittedTo, fitToDataset } from './fit.ts'

/** Every network there is: the built-in ones, and those that people added. */
export interface ArchitectureRegistry {
  /** @param dataset  that it is to be trained on: it is fitted to its images and classes */
  find(name: string, dataset?: FittedTo): Architecture | undefined
  /** The built-in ones first, then the others in the order of their making. */
  list(origin?: ArchitectureOrigin): Architecture[]
  /** Where a network stands in that order: a whole number that no other ever gets, also when this one is deleted. */
  placeOf(name: string): number
  /** What `create` would make of an input, whether its name is taken or not. Throws ValidationError. */
  check(input: ArchitectureInput): Architecture
  /** Throws ValidationError, or ConflictError when the name is taken. */
  create(input: ArchitectureInput): Promise<Architecture>
  /**
   * Answers what it was. Throws NotFoundError, or ConflictError for one that is built in, or that training runs or
   * model versions use.
   */
  delete(name: string): Promise<Architecture>
  /**
   * Runs a task that will make something use the network: until it ends, the network is not deleted. While a network
   * is being deleted the task waits, and then gets undefined, as where there is none.
   */
  using<Result>(
    name: string,
    task: (architecture: Architecture | undefined) => Promise<Result>,
  ): Promise<Result>
}

export interface ArchitectureRegistryOptions {
  prisma: PrismaClient
  /** The most parameters that a network may have. */
  maxParameters: number
}

/** Reads the custom networks. One server owns a database, so what it has in memory is what there is. */
export async function openArchitectureRegistry({
  prisma,
  maxParameters,
}: ArchitectureRegistryOptions): Promise<ArchitectureRegistry> {
  const rows = await prisma.customArchitecture.findMany({ orderBy: { seq: 'asc' } })
  // A custom network stays what it is when a later vggzoo has one of its name built in: weights were trained for it.
  const byName = new Map([
    ...builtIn.map((architecture) => [architecture.name, architecture] as const),
    // As `create` wrote it below, after it was checked.
    ...rows.map(({ name, definition }) => [name, definition as unknown as Architecture] as const),
  ])
  // Built-in networks below 0: the numbers of others begin at 1.
  const places = new Map([
    ...rows.map(({ name, seq }) => [name, seq] as const),
    ...builtIn.map(({ name }, i) => [name, i - builtIn.length] as const),
  ])
  const hold = createHold()
  const check = (input: ArchitectureInput) => resolveArchitecture(input, maxParameters)

  async function checkUnused(architecture: string): Promise<void> {
    const runs = await prisma.trainingRun.count({ where: { architecture } })
    const versions = await prisma.modelVersion.count({ where: { architecture } })
    if (runs + versions === 0) return
    const users = [counted(runs, 'training run'), counted(versions, 'model version')].filter(
      (it) => it !== '',
    )
    throw new ConflictError(
      `${architecture} is used by ${users.join(' and ')}; it can be deleted when none is left.`,
    )
  }

  return {
    find(name, dataset) {
      const architecture = byName.get(name)
      return architecture && dataset ? fitToDataset(architecture, dataset) : architecture
    },
    list: (origin) => [...byName.values()].filter((it) => origin === undefined || it.origin === origin),
    placeOf: (name) => places.get(name)!,
    check,
    async create(input) {
      const architecture = check(input)
      const { name } = architecture
      return hold.exclusive(name, async () => {
        const taken = byName.get(name)
        if (taken !== undefined) {
          throw new ConflictError(
            `There is an architecture ${name} already (${taken.title}). Choose another name.`,
          )
        }
        const definition = architecture as object
        const { seq } = await prisma.customArchitecture.create({ data: { name, definition } })
        places.set(name, seq)
        byName.set(name, architecture)
        return architecture
      })
    },
    async delete(name) {
      return hold.exclusive(name, async () => {
        const architecture = byName.get(name)
        if (architecture === undefined) {
          throw new NotFoundError(`There is no architecture "${name}". The query architectures lists them.`)
        }
        if (architecture.origin !== 'CUSTOM') {
          throw new ConflictError(`${name} is built in; only architectures that were created can be deleted.`)
        }
        await checkUnused(name)
        await prisma.customArchitecture.delete({ where: { name } })
        byName.delete(name)
        return architecture
      })
    },
    using: (name, task) => hold.shared(name, () => task(byName.get(name))),
  }
}

function counted(count: number, what: string): string {
  if (count === 0) return ''
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
