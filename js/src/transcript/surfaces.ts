/**
 * A client's surfaces: what is offered, what is subscribed to, what it shows.
 *
 * Source: the Dispatch HTTP and WebSocket contract, 5.2 and 5.5. Acts of the client return
 * the next state and the messages to send; messages of the server return the next state.
 */

import type {
  InvokeMessage,
  Json,
  SubscribeMessage,
  SurfaceCatalogEntry,
  SurfaceErrorMessage,
  SurfaceSpec,
  UnsubscribeMessage,
  WsServerMessage,
} from "../wire/types";

/**
 * A surface that was asked for; its `spec` is null until the server has answered.
 *
 * Without a `conversationId` it is the server's own, or that of a server which knows no
 * surfaces of conversations.
 */
export interface SurfaceSubscription {
  readonly surfaceId: string;
  readonly conversationId: string | null;
  readonly spec: SurfaceSpec | null;
}

/** All surfaces of a connection: an immutable value. */
export interface SurfacesState {
  readonly catalog: readonly SurfaceCatalogEntry[];
  readonly subscriptions: readonly SurfaceSubscription[];
  readonly lastError: SurfaceErrorMessage | null;
}

type Act<Message> = readonly [SurfacesState, readonly Message[]];

/** Return the state before the server said anything. */
export function initialSurfaces(): SurfacesState {
  return { catalog: [], subscriptions: [], lastError: null };
}

/**
 * Return the state after a server's message.
 *
 * The very same state comes back for messages that are about no surface, or about one that is
 * not subscribed to (any more). A message that names no conversation is about the
 * subscription that names none, else about the only one of its surface.
 */
export function foldSurfaceMessage(state: SurfacesState, message: WsServerMessage): SurfacesState {
  switch (message.type) {
    case "catalog":
      return { ...state, catalog: message.catalog };
    case "surface":
      return withSpec(state, message.spec.id, message.conversationId, message.spec);
    case "update": {
      const { surfaceId, conversationId, spec } = message.update;
      return withSpec(state, surfaceId, conversationId, spec);
    }
    case "error":
      return { ...state, lastError: message };
    default:
      return state;
  }
}

/** Ask for a surface; asking twice sends nothing and returns the same state. */
export function subscribeSurface(
  state: SurfacesState,
  surfaceId: string,
  conversationId: string | null = null,
): Act<SubscribeMessage> {
  if (find(state, surfaceId, conversationId)) return [state, []];
  const subscription = { surfaceId, conversationId, spec: null };
  const subscriptions = [...state.subscriptions, subscription];
  return [{ ...state, subscriptions }, [subscribeMessage(subscription)]];
}

/** Stop a surface's updates; one that is not subscribed to sends nothing. */
export function unsubscribeSurface(
  state: SurfacesState,
  surfaceId: string,
  conversationId: string | null = null,
): Act<UnsubscribeMessage> {
  const found = find(state, surfaceId, conversationId);
  if (found === undefined) return [state, []];
  const subscriptions = state.subscriptions.filter((each) => each !== found);
  const message = { type: "unsubscribe", surfaceId, ...option(conversationId) } as const;
  return [{ ...state, subscriptions }, [message]];
}

/** Call an action; what it changes comes back as an update, so the state stays. */
export function invokeSurface(
  state: SurfacesState,
  surfaceId: string,
  actionId: string,
  {
    payload,
    conversationId = null,
  }: { readonly payload?: Json; readonly conversationId?: string | null } = {},
): Act<InvokeMessage> {
  const given = payload === undefined ? {} : { payload };
  return [
    state,
    [{ type: "invoke", surfaceId, actionId, ...given, ...option(conversationId) } as const],
  ];
}

/** Ask again for everything subscribed to, on a connection that was opened again. */
export function resubscribeSurfaces(state: SurfacesState): Act<SubscribeMessage> {
  return [state, state.subscriptions.map(subscribeMessage)];
}

/** Return what a subscribed surface shows; null while the server has not answered. */
export function selectSurface(
  state: SurfacesState,
  surfaceId: string,
  conversationId: string | null = null,
): SurfaceSpec | null {
  return find(state, surfaceId, conversationId)?.spec ?? null;
}

function find(
  { subscriptions }: SurfacesState,
  surfaceId: string,
  conversationId: string | null,
): SurfaceSubscription | undefined {
  return subscriptions.find(
    (each) => each.surfaceId === surfaceId && each.conversationId === conversationId,
  );
}

function withSpec(
  state: SurfacesState,
  surfaceId: string,
  conversationId: string | undefined,
  spec: SurfaceSpec,
): SurfacesState {
  let found = find(state, surfaceId, conversationId ?? null);
  const ofSurface = state.subscriptions.filter((each) => each.surfaceId === surfaceId);
  if (conversationId === undefined && ofSurface.length === 1) found = ofSurface[0];
  if (found === undefined) return state;
  const shown = { ...found, spec };
  return {
    ...state,
    subscriptions: state.subscriptions.map((each) => (each === found ? shown : each)),
  };
}

function subscribeMessage({ surfaceId, conversationId }: SurfaceSubscription): SubscribeMessage {
  return { type: "subscribe", surfaceId, ...option(conversationId) };
}

function option(conversationId: string | null): { readonly conversationId?: string } {
  return conversationId === null ? {} : { conversationId };
}
