using System.Text.Json;
using System.Text.Json.Serialization;

namespace Microsoft.DurableTask.Client.Entities;

/// <summary>Writes snapshots of entities without what they do not have, as the official client does.</summary>
internal sealed class EntityMetadataJson : JsonConverterFactory
{
    public override bool CanConvert(Type typeToConvert) => StateOf(typeToConvert) is not null;

    public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
        (JsonConverter)Activator.CreateInstance(
            typeof(Writer<,>).MakeGenericType(typeToConvert, StateOf(typeToConvert)!))!;

    private static Type? StateOf(Type type) => type == typeof(EntityMetadata) ? typeof(SerializedData)
        : type.IsGenericType && type.GetGenericTypeDefinition() == typeof(EntityMetadata<>)
            ? type.GetGenericArguments()[0]
            : null;

    private sealed class Writer<TMetadata, TState> : JsonConverter<TMetadata>
        where TMetadata : EntityMetadata<TState>
    {
        public override TMetadata Read(
            ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException("Snapshots of entities can be written as JSON, but not read back.");

        public override void Write(Utf8JsonWriter writer, TMetadata value, JsonSerializerOptions options)
        {
            string Name(string name) => options.PropertyNamingPolicy?.ConvertName(name) ?? name;

            writer.WriteStartObject();
            writer.WriteString(Name(nameof(value.Id)), value.Id.ToString());
            writer.WriteString(Name(nameof(value.LastModifiedTime)), value.LastModifiedTime);
            if (value.BacklogQueueSize > 0)
            {
                writer.WriteNumber(Name(nameof(value.BacklogQueueSize)), value.BacklogQueueSize);
            }

            if (value.LockedBy is { } holder)
            {
                writer.WriteString(Name(nameof(value.LockedBy)), holder);
            }

            if (value.IncludesState)
            {
                writer.WritePropertyName(Name(nameof(value.State)));
                if (value.State is SerializedData text)
                {
                    writer.WriteStringValue(text.Value);
                }
                else
                {
                    JsonSerializer.Serialize(writer, value.State, options);
                }
            }

            writer.WriteEndObject();
        }
    }
}
