using System.ComponentModel;

namespace Microsoft.DurableTask;

/// <summary>A declarative retry policy: attempts, delays and a limit of time.</summary>
public class RetryPolicy
{
    /// <summary>Makes a policy.</summary>
    /// <param name="maxNumberOfAttempts">Attempts in all, at least 1.</param>
    /// <param name="firstRetryInterval">The delay after the first failure, more than zero.</param>
    /// <param name="backoffCoefficient">What the delay is multiplied by each time, at least 1.</param>
    /// <param name="maxRetryInterval">The longest delay; null for one hour.</param>
    /// <param name="retryTimeout">The time after which no retry starts; null for no limit.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    public RetryPolicy(
        int maxNumberOfAttempts,
        TimeSpan firstRetryInterval,
        double backoffCoefficient = 1.0,
        TimeSpan? maxRetryInterval = null,
        TimeSpan? retryTimeout = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxNumberOfAttempts);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(firstRetryInterval, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(backoffCoefficient, 1.0);
        MaxRetryInterval = maxRetryInterval ?? TimeSpan.FromHours(1);
        RetryTimeout = retryTimeout ?? Timeout.InfiniteTimeSpan;
        if (MaxRetryInterval != Timeout.InfiniteTimeSpan)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(MaxRetryInterval, firstRetryInterval, nameof(maxRetryInterval));
        }

        if (RetryTimeout != Timeout.InfiniteTimeSpan)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(RetryTimeout, firstRetryInterval, nameof(retryTimeout));
        }

        MaxNumberOfAttempts = maxNumberOfAttempts;
        FirstRetryInterval = firstRetryInterval;
        BackoffCoefficient = backoffCoefficient;
        HandleFailure = _ => true;
    }

    /// <summary>Attempts in all.</summary>
    public int MaxNumberOfAttempts { get; }

    /// <summary>The delay after the first failure.</summary>
    public TimeSpan FirstRetryInterval { get; }

    /// <summary>What the delay is multiplied by each time.</summary>
    /// <value>Default: 1.</value>
    public double BackoffCoefficient { get; }

    /// <summary>The longest delay.</summary>
    /// <value>Default: one hour.</value>
    public TimeSpan MaxRetryInterval { get; }

    /// <summary>The time after which no retry starts.</summary>
    /// <value>Default: infinite.</value>
    public TimeSpan RetryTimeout { get; }

    /// <summary>Decides by the exception's type and message whether a failure is retried.</summary>
    /// <value>Null when <see cref="HandleFailure"/> decides.</value>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public Func<Exception, bool>? Handle { get; internal init; }

    /// <summary>Never called.</summary>
    [EditorBrowsable(EditorBrowsableState.Never)]
    [Obsolete("This functionality is not implemented. Use HandleFailure.")]
    public Func<Exception, Task<bool>>? HandleAsync { get; set; }

    /// <summary>Decides whether a failure is retried.</summary>
    /// <value>Default: always.</value>
    public Func<TaskFailureDetails, bool> HandleFailure { internal get; init; }
}
