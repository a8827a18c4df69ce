using System.Text.Json;
using System.Text.Json.Serialization;

namespace Microsoft.DurableTask.Entities;

/// <summary>The identity of an entity, written <c>@name@key</c>.</summary>
/// <remarks>The name is kept in lower case and holds no <c>@</c>; the key keeps its case and may hold anything, also
/// nothing.</remarks>
[JsonConverter(typeof(TextConverter))]
public readonly record struct EntityInstanceId
{
    /// <summary>Makes an id.</summary>
    /// <param name="name">The entity's name, in any case.</param>
    /// <param name="key">Which entity of that name.</param>
    /// <exception cref="ArgumentException">The name is empty or holds an <c>@</c>.</exception>
    public EntityInstanceId(string name, string key)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(key);
        if (name.Contains('@', StringComparison.Ordinal))
        {
            throw new ArgumentException($"The entity name '{name}' must not hold an '@'; the key may.", nameof(name));
        }

#pragma warning disable CA1308 // Lower case is part of the id's format.
        Name = name.ToLowerInvariant();
#pragma warning restore CA1308
        Key = key;
    }

    /// <summary>The entity's name, in lower case.</summary>
    public string Name { get; }

    /// <summary>Which entity of that name.</summary>
    public string Key { get; }

    /// <summary>Reads an id.</summary>
    /// <param name="instanceId">The text, <c>@name@key</c>.</param>
    /// <returns>The id.</returns>
    /// <exception cref="ArgumentException">The text has another form.</exception>
    public static EntityInstanceId FromString(string instanceId)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        int end = instanceId[0] == '@' ? instanceId.IndexOf('@', 1) : -1;
        return end > 1
            ? new EntityInstanceId(instanceId[1..end], instanceId[(end + 1)..])
            : throw new ArgumentException(
                $"'{instanceId}' is no entity id; an entity id has the form '@name@key'.", nameof(instanceId));
    }

    /// <inheritdoc/>
    public override string ToString() => $"@{Name}@{Key}";

    private sealed class TextConverter : JsonConverter<EntityInstanceId>
    {
        public override EntityInstanceId Read(
            ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            FromString(reader.GetString() ?? string.Empty);

        public override void Write(Utf8JsonWriter writer, EntityInstanceId value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.ToString());
    }
}
