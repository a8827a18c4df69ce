using System.Runtime.InteropServices;

namespace Workflows.TpuWorker.Pjrt.Native;

/// <summary>
/// Owns one object of the plugin. The object is destroyed once, by disposal or by the finalizer, when no call uses it
/// and after everything that was created from it, since a handle keeps its parent.
/// </summary>
internal sealed class PjrtHandle : SafeHandle
{
    private const int Subject = 16;

    private readonly PjrtFunction? _destroy;
    private readonly PjrtHandle? _parent;

    /// <summary>Takes ownership of an object.</summary>
    /// <param name="api">The plugin's functions.</param>
    /// <param name="address">The object.</param>
    /// <param name="destroy">The function that destroys it; null if the parent owns it.</param>
    /// <param name="parent">The object that must outlive it; null if there is none.</param>
    public PjrtHandle(PjrtApi api, nint address, PjrtFunction? destroy, PjrtHandle? parent)
        : base(0, ownsHandle: true)
    {
        (Api, _destroy) = (api, destroy);
        if (parent is not null)
        {
            var added = false;
            parent.DangerousAddRef(ref added);
            _parent = parent;
        }

        SetHandle(address);
    }

    /// <summary>Gets the plugin's functions.</summary>
    public PjrtApi Api { get; }

    /// <inheritdoc />
    public override bool IsInvalid => handle == 0;

    /// <summary>Calls a function on this object, which goes to the first field of the arguments.</summary>
    public void Call(PjrtFunction function, ref ArgumentBlock arguments) => CallOn(null, function, ref arguments);

    /// <summary>Calls a function on an object that lives as long as this one.</summary>
    /// <param name="subject">The object; null for this one.</param>
    /// <param name="function">The function.</param>
    /// <param name="arguments">Its arguments, without the object.</param>
    public void CallOn(nint? subject, PjrtFunction function, ref ArgumentBlock arguments)
    {
        using var use = Use();
        arguments.Set(Subject, subject ?? use.Address);
        Api.Call(function, ref arguments);
    }

    /// <summary>Calls a function that the plugin may not have on an object that lives as long as this one.</summary>
    /// <returns>false if the plugin does not have it.</returns>
    public bool TryCallOn(nint? subject, PjrtFunction function, ref ArgumentBlock arguments)
    {
        using var use = Use();
        arguments.Set(Subject, subject ?? use.Address);
        return Api.TryCall(function, ref arguments);
    }

    /// <summary>Keeps the object alive while its address is in use.</summary>
    /// <exception cref="ObjectDisposedException">It is disposed.</exception>
    public Lease Use() => new(this);

    /// <inheritdoc />
    protected override bool ReleaseHandle()
    {
        if (_destroy is { } function)
        {
            Api.Destroy(function, handle);
        }

        _parent?.DangerousRelease();
        return true;
    }

    /// <summary>A use of an object; disposal ends it.</summary>
    internal readonly struct Lease : IDisposable
    {
        private readonly PjrtHandle _owner;

        public Lease(PjrtHandle owner)
        {
            _owner = owner;
            var added = false;
            owner.DangerousAddRef(ref added);
            Address = owner.handle;
        }

        /// <summary>Gets the object's address.</summary>
        public nint Address { get; }

        /// <inheritdoc />
        public void Dispose() => _owner.DangerousRelease();
    }
}
