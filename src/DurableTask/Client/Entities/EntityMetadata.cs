using System.Text.Json.Serialization;
using Microsoft.DurableTask.Entities;

namespace Microsoft.DurableTask.Client.Entities;

/// <summary>A snapshot of an entity, its state as text.</summary>
/// <param name="id">The entity.</param>
/// <param name="state">Its state; null when there is none or it was not asked for.</param>
[JsonConverter(typeof(EntityMetadataJson))]
public sealed class EntityMetadata(EntityInstanceId id, SerializedData? state = null)
    : EntityMetadata<SerializedData>(id, state)
{
}
