import type { User } from "../wire/wire.gen.ts";

/** Who is signed in; set before the page mounts. */
class AuthStore {
  user: User | null = $state.raw(null);
  version = $state("");

  readonly isOwner = $derived(this.user?.role === "owner");
  readonly canWrite = $derived(this.user !== null && this.user.role !== "viewer");
}

export const auth = new AuthStore();
