export function bundle(): Promise<Record<"answer.js" | "answer.css", string>>;
