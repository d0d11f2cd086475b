// The plane of the playground.

/** What is drawn of it: [−REACH, REACH]². */
export const REACH = 1.2;

/** Points that the network learns from, at most. */
export const CAPACITY = 512;
