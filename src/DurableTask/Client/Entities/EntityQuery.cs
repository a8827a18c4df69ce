namespace Microsoft.DurableTask.Client.Entities;

/// <summary>Which entities to list.</summary>
public record EntityQuery
{
    /// <summary>The page size when none is given.</summary>
    public const int DefaultPageSize = 100;

    private readonly string? _prefix;

    /// <summary>How the ids start: a name or its beginning, or <c>@name@</c> and the beginning of a key.</summary>
    /// <value>Null for all. A missing <c>@</c> is put in front, and the name is turned to lower case.</value>
    public string? InstanceIdStartsWith
    {
        get => _prefix;
        init => _prefix = Normalize(value);
    }

    /// <summary>Changed at or after this moment.</summary>
    public DateTimeOffset? LastModifiedFrom { get; init; }

    /// <summary>Changed before this moment.</summary>
    public DateTimeOffset? LastModifiedTo { get; init; }

    /// <summary>Whether states come along.</summary>
    /// <value>Default: true.</value>
    public bool IncludeState { get; init; } = true;

    /// <summary>Whether entities without a state are listed, that is, those with a queue or a lock only.</summary>
    /// <value>Default: false.</value>
    public bool IncludeTransient { get; init; }

    /// <summary>How many a page holds at most.</summary>
    /// <value>Null leaves it to the engine.</value>
    public int? PageSize { get; init; }

    /// <summary>Where to start.</summary>
    /// <value>Null for the first page.</value>
    public string? ContinuationToken { get; init; }

    private static string? Normalize(string? value)
    {
        if (value is null)
        {
            return null;
        }

        string prefix = value.StartsWith('@') ? value : $"@{value}";
        int key = prefix.IndexOf('@', 1);
        int nameEnd = key < 0 ? prefix.Length : key;
#pragma warning disable CA1308 // Lower case is part of the id's format.
        return prefix[..nameEnd].ToLowerInvariant() + prefix[nameEnd..];
#pragma warning restore CA1308
    }
}
