namespace Microsoft.DurableTask.Worker;

/// <summary>Adds properties to recorded failures.</summary>
public interface IExceptionPropertiesProvider
{
    /// <summary>Gets what to record beside an exception's message.</summary>
    /// <param name="exception">The exception.</param>
    /// <returns>Properties; null for none.</returns>
    public IDictionary<string, object?>? GetExceptionProperties(Exception exception);
}
