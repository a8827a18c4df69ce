using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Worker.Grpc;

/// <summary>Splits an episode's result that is too large for one message.</summary>
internal static class CompletionParts
{
    public static IEnumerable<Proto.OrchestratorResponse> Split(Proto.OrchestratorResponse response, int limitBytes)
    {
        if (response.CalculateSize() <= limitBytes)
        {
            return [response];
        }

        // Room for the fields that every part repeats.
        int room = limitBytes - 1024 - (response.CustomStatus?.Length ?? 0) * 3;
        if (response.Actions.FirstOrDefault(action => action.CalculateSize() > room) is { } tooLarge)
        {
            return [TooLarge(response, tooLarge, limitBytes)];
        }

        return SplitActions(response, room);
    }

    private static List<Proto.OrchestratorResponse> SplitActions(Proto.OrchestratorResponse response, int room)
    {
        var parts = new List<Proto.OrchestratorResponse>();
        int size = 0;
        foreach (Proto.OrchestratorAction action in response.Actions)
        {
            int actionSize = action.CalculateSize() + 8;
            if (parts.Count == 0 || size + actionSize > room)
            {
                parts.Add(new Proto.OrchestratorResponse
                {
                    InstanceId = response.InstanceId,
                    CompletionToken = response.CompletionToken,
                    CustomStatus = response.CustomStatus,
                    IsPartial = true,
                    ChunkIndex = parts.Count,
                    NumEventsProcessed = parts.Count == 0 ? null : 0,
                });
                size = 0;
            }

            parts[^1].Actions.Add(action);
            size += actionSize;
        }

        parts[^1].IsPartial = false;
        return parts;
    }

    private static Proto.OrchestratorResponse TooLarge(
        Proto.OrchestratorResponse response, Proto.OrchestratorAction action, int limitBytes)
    {
        string message = $"Action #{action.Id} ({action.OrchestratorActionTypeCase}) of orchestration "
            + $"'{response.InstanceId}' takes {action.CalculateSize()} bytes; at most {limitBytes} can be sent. "
            + "Pass a reference to the data instead of the data.";
        return new Proto.OrchestratorResponse
        {
            InstanceId = response.InstanceId,
            CompletionToken = response.CompletionToken,
            Actions =
            {
                new Proto.OrchestratorAction
                {
                    CompleteOrchestration = new()
                    {
                        OrchestrationStatus = Proto.OrchestrationStatus.Failed,
                        Result = message,
                        FailureDetails = new()
                        {
                            ErrorType = typeof(InvalidOperationException).FullName!,
                            ErrorMessage = message,
                            IsNonRetriable = true,
                        },
                    },
                },
            },
        };
    }
}
