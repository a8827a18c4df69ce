namespace Workflows.Translation.Tokenization;

/// <summary>A token that is matched in raw text before any merging; special ones are control tokens.</summary>
internal sealed record AddedToken(int Id, string Content, bool IsSpecial);
