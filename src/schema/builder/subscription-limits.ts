import SchemaBuilder, { BasePlugin, type SchemaTypes } from '@pothos/core'
import COMPLEXITY, { PothosComplexityPlugin } from '@pothos/plugin-complexity'
import type { GraphQLFieldResolver } from 'graphql'

/**
 * Pothos' complexity plugin looks at a subscription when it resolves an event. This one looks when it is opened:
 * what costs too much is refused at once, and not hours later.
 */
class SubscriptionLimitsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  readonly #complexity = new PothosComplexityPlugin<Types>(this.buildCache, COMPLEXITY)

  override wrapSubscribe(
    subscribe: GraphQLFieldResolver<unknown, Types['Context'], object> | undefined,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> | undefined {
    return (
      subscribe &&
      ((parent, args, context, info) => {
        this.#complexity.checkComplexity(context, info)
        return subscribe(parent, args, context, info)
      })
    )
  }
}

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      subscriptionLimits: SubscriptionLimitsPlugin<Types>
    }
  }
}

export const SUBSCRIPTION_LIMITS = 'subscriptionLimits'
SchemaBuilder.registerPlugin(SUBSCRIPTION_LIMITS, SubscriptionLimitsPlugin)
