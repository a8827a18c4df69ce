namespace Workflows.TpuWorker.Compile;

/// <summary>The exception of a program that cannot be compiled; the message names the option and the fix.</summary>
public sealed class CompileException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">Cause and fix as sentences.</param>
    /// <param name="inner">The cause.</param>
    public CompileException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
