/** The plane that is drawn: [−REACH, REACH]². */
export const REACH = 1.2;
