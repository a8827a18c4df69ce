using Google.Protobuf.WellKnownTypes;
using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Client.Grpc;

/// <summary>Turns protocol messages into the client's types.</summary>
internal static class Conversions
{
    public static OrchestrationMetadata ToMetadata(this Proto.OrchestrationState state, DataConverter? converter) =>
        new(state.Name, state.InstanceId)
        {
            RuntimeStatus = (OrchestrationRuntimeStatus)(int)state.OrchestrationStatus,
            CreatedAt = state.CreatedTimestamp.ToDateTimeOffset(),
            LastUpdatedAt = state.LastUpdatedTimestamp.ToDateTimeOffset(),
            SerializedInput = state.Input,
            SerializedOutput = state.Output,
            SerializedCustomStatus = state.CustomStatus,
            FailureDetails = state.FailureDetails.ToDetails(),
            DataConverter = converter,
            Tags = new Dictionary<string, string>(state.Tags),
        };

    public static TaskFailureDetails? ToDetails(this Proto.TaskFailureDetails? failure) => failure is null
        ? null
        : new TaskFailureDetails(
            failure.ErrorType, failure.ErrorMessage, failure.StackTrace, failure.InnerFailure.ToDetails(),
            failure.Properties.Count == 0
                ? null
                : failure.Properties.ToDictionary(entry => entry.Key, entry => ToObject(entry.Value)));

    public static Timestamp? ToTimestamp(this DateTimeOffset? moment) => moment is { } value
        ? Timestamp.FromDateTimeOffset(value)
        : null;

    public static Proto.OrchestrationStatus ToProto(this OrchestrationRuntimeStatus status) =>
        (Proto.OrchestrationStatus)(int)status;

    private static object? ToObject(Value value) => value.KindCase switch
    {
        Value.KindOneofCase.NumberValue => value.NumberValue,
        Value.KindOneofCase.StringValue => value.StringValue,
        Value.KindOneofCase.BoolValue => value.BoolValue,
        Value.KindOneofCase.ListValue => value.ListValue.Values.Select(ToObject).ToList(),
        Value.KindOneofCase.StructValue =>
            value.StructValue.Fields.ToDictionary(entry => entry.Key, entry => ToObject(entry.Value)),
        _ => null,
    };
}
