namespace Workflows.DurableTask.Sidecar.Core;

/// <summary>The id of an entity: <c>@name@key</c>, with the name in lower case. The key may be any text.</summary>
internal static class EntityId
{
    public const int MostCharacters = 100;

    public static bool IsEntity(string? id) => id?.StartsWith('@') == true;

    /// <summary>Returns the id in its stored form; null if the text is no entity id.</summary>
    public static string? Normalize(string? text)
    {
        int second = IsEntity(text) ? text!.IndexOf('@', 1) : -1;
        return second > 1 ? string.Concat(text.AsSpan(0, second).ToString().ToLowerInvariant(), text.AsSpan(second))
            : null;
    }

    /// <summary>Returns the name within a normalized id.</summary>
    public static string NameOf(string id) => id[1..id.IndexOf('@', 1)];
}
