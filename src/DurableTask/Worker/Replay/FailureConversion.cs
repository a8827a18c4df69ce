using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Entities;
using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Worker.Replay;

/// <summary>Failures between exceptions, the programming model and the protocol.</summary>
internal static class FailureConversion
{
    public static Proto.TaskFailureDetails ToProto(Exception exception, IExceptionPropertiesProvider? properties)
    {
        var failure = new Proto.TaskFailureDetails
        {
            ErrorType = exception.GetType().FullName ?? exception.GetType().Name,
            ErrorMessage = exception.Message,
            StackTrace = exception.StackTrace,
            InnerFailure = exception switch
            {
                TaskFailedException failed => ToProto(failed.FailureDetails),
                EntityOperationFailedException failed => ToProto(failed.FailureDetails),
                { InnerException: { } inner } => ToProto(inner, properties),
                _ => null,
            },
        };
        Add(failure, properties?.GetExceptionProperties(exception));
        return failure;
    }

    public static Proto.TaskFailureDetails ToProto(TaskFailureDetails details)
    {
        var failure = new Proto.TaskFailureDetails
        {
            ErrorType = details.ErrorType,
            ErrorMessage = details.ErrorMessage,
            StackTrace = details.StackTrace,
            InnerFailure = details.InnerFailure is { } inner ? ToProto(inner) : null,
            IsNonRetriable = details.IsNonRetriable,
        };
        Add(failure, details.Properties);
        return failure;
    }

    public static TaskFailureDetails ToDetails(Proto.TaskFailureDetails? failure) => failure is null
        ? new TaskFailureDetails("(unknown)", "The task failed without details.", null, null, null)
        : new TaskFailureDetails(
            failure.ErrorType,
            failure.ErrorMessage,
            failure.StackTrace,
            failure.InnerFailure is { } inner ? ToDetails(inner) : null,
            failure.Properties.Count == 0
                ? null
                : failure.Properties.ToDictionary(entry => entry.Key, entry => ToObject(entry.Value)))
        {
            IsNonRetriable = failure.IsNonRetriable,
        };

    private static void Add(Proto.TaskFailureDetails failure, IDictionary<string, object?>? properties)
    {
        foreach ((string key, object? value) in properties ?? new Dictionary<string, object?>())
        {
            failure.Properties.Add(key, ToValue(value));
        }
    }

    private static Value ToValue(object? value) => value switch
    {
        null => Value.ForNull(),
        bool flag => Value.ForBool(flag),
        string text => Value.ForString(text),
        DateTime moment => Value.ForString($"dt:{moment:O}"),
        DateTimeOffset moment => Value.ForString($"dto:{moment:O}"),
        byte or sbyte or short or ushort or int or uint or long or ulong or float or double or decimal =>
            Value.ForNumber(Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture)),
        IDictionary<string, object?> map => Value.ForStruct(new Struct
        {
            Fields = { map.ToDictionary(entry => entry.Key, entry => ToValue(entry.Value)) },
        }),
        System.Collections.IEnumerable list => Value.ForList([.. list.Cast<object?>().Select(ToValue)]),
        _ => Value.ForString(value.ToString() ?? string.Empty),
    };

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
