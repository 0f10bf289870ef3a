import type { Node, User } from "../wire/wire.gen.ts";

/** Who is signed in; set before the page mounts. */
class AuthStore {
  user: User | null = $state.raw(null);
  version = $state("");

  readonly isOwner = $derived(this.user?.role === "owner");
  readonly canWrite = $derived(this.user !== null && this.user.role !== "viewer");

  /** Whether the person may do more than look on that machine. Main is asked again at every act; this only hides acts. */
  canActOn(node: Node | undefined): boolean {
    return this.canWrite && (node?.role ?? this.user?.role) !== "viewer";
  }
}

export const auth = new AuthStore();
