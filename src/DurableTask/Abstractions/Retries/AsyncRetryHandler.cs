namespace Microsoft.DurableTask;

/// <summary>Decides after a failure whether to try again.</summary>
/// <param name="retryContext">What is known of the failure.</param>
/// <returns>True to try again.</returns>
public delegate Task<bool> AsyncRetryHandler(RetryContext retryContext);
