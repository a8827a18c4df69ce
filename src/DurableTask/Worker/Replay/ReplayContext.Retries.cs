namespace Microsoft.DurableTask.Worker.Replay;

internal sealed partial class ReplayContext
{
    private Task<T> RetryAsync<T>(TaskRetryOptions? retry, Func<Task<T>> call) => retry switch
    {
        { Policy: { } policy } => RetryByPolicyAsync(policy, call),
        { Handler: { } handler } => RetryByHandlerAsync(handler, call),
        _ => call(),
    };

    private async Task<T> RetryByPolicyAsync<T>(RetryPolicy policy, Func<Task<T>> call)
    {
        DateTime first = _now;
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await call();
            }
            catch (TaskFailedException failure) when (MayRetry(policy, failure, first))
            {
                bool isLast = attempt >= policy.MaxNumberOfAttempts;
                // Every .NET worker makes a timer after the last attempt too: without it, action ids would differ and
                // an orchestration could not move between workers.
                await TimerAsync(isLast ? _now : _now + DelayAfter(policy, attempt), CancellationToken.None);
                if (isLast)
                {
                    throw;
                }
            }
        }
    }

    private async Task<T> RetryByHandlerAsync<T>(AsyncRetryHandler handler, Func<Task<T>> call)
    {
        DateTime first = _now;
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await call();
            }
            catch (TaskFailedException failure) when (!failure.FailureDetails.IsNonRetriable)
            {
                var context = new RetryContext(
                    this, attempt, failure.FailureDetails, _now - first, CancellationToken.None);
                if (!await handler(context))
                {
                    throw;
                }
            }
        }
    }

    private bool MayRetry(RetryPolicy policy, TaskFailedException failure, DateTime first) =>
        !failure.FailureDetails.IsNonRetriable
        && policy.HandleFailure(failure.FailureDetails)
        && (policy.Handle is null || policy.Handle(failure))
        && (policy.RetryTimeout == Timeout.InfiniteTimeSpan || _now < first + policy.RetryTimeout);

    private static TimeSpan DelayAfter(RetryPolicy policy, int attempt)
    {
        double milliseconds =
            policy.FirstRetryInterval.TotalMilliseconds * Math.Pow(policy.BackoffCoefficient, attempt - 1);
        double longest = policy.MaxRetryInterval == Timeout.InfiniteTimeSpan
            ? TimeSpan.MaxValue.TotalMilliseconds / 2
            : policy.MaxRetryInterval.TotalMilliseconds;
        return TimeSpan.FromMilliseconds(Math.Min(milliseconds, longest));
    }
}
