import { graphql } from '../../src/client/graphql.ts'
import { useQuery } from '../live/query.ts'
import { useStream } from '../live/stream.ts'
import { readModel } from './address.ts'
import type { ModelRef } from './documents.ts'

const NAMES = graphql(`
  query ModelNames {
    models(first: 100) { edges { node { name } } }
  }
`)

const CHOICES = graphql(`
  query ModelChoices($name: String!) {
    model(name: $name) {
      aliases { name version { id version } }
      versions(first: 100) { edges { node { id version accuracy } } }
    }
  }
`)

const MOVED = graphql(`
  subscription AnswerMoved { aliasMoved { name } }
`)

export interface Choices {
  names: readonly string[]
  aliases: readonly { name: string; version: { id: string; version: number } }[]
  versions: readonly { id: string; version: number; accuracy: number | null }[]
}

export interface Chosen {
  /** Null until it is known what the server has. */
  choices: Choices | null
  /** Undefined when nothing can be asked: it is not known yet, or `problem` says why. */
  model: ModelRef | undefined
  /** Of the weights that are asked; other ones have another. */
  weights: string
  problem: string | null
  error: Error | null
}

/** The model that an address names, and what else there is to choose from. It follows an alias that moves. */
export function useModel(text: string | null): Chosen {
  const asked = readModel(text)
  const { data: all, error, refresh: refreshNames } = useQuery(NAMES, {})
  const { data: one, refresh } = useQuery(CHOICES, asked === null ? null : { name: asked.name })
  useStream(MOVED, {}, () => {
    refreshNames()
    refresh()
  })
  const names = all?.models.edges.map(({ node }) => node.name) ?? []
  const nothing = { model: undefined, weights: '', problem: null, error }
  if (all === null) return { ...nothing, choices: null }
  if (asked === null) {
    return { ...nothing, choices: { names, aliases: [], versions: [] }, model: null, weights: 'newest' }
  }
  if (one === null) return { ...nothing, choices: { names, aliases: [], versions: [] } }
  const aliases = one.model?.aliases ?? []
  const versions = one.model?.versions.edges.map(({ node }) => node) ?? []
  const choices = { names, aliases, versions }
  if (one.model === null) return { ...nothing, choices, problem: `There is no model ${asked.name}.` }
  const alias = aliases.find(({ name }) => name === asked.which)
  if (alias !== undefined) {
    const model = { alias: { model: asked.name, name: alias.name } }
    return { ...nothing, choices, model, weights: `${alias.name} ${alias.version.id}` }
  }
  const version = asked.which === '' ? versions[0] : versions.find((it) => String(it.version) === asked.which)
  if (version === undefined) {
    const what = asked.which === '' ? 'version' : `version or alias ${asked.which}`
    return { ...nothing, choices, problem: `${asked.name} has no ${what}.` }
  }
  return { ...nothing, choices, model: { versionId: version.id }, weights: version.id }
}
