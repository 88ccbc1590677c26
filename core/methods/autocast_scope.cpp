#include "core/methods/autocast_scope.h"

#include <ATen/autocast_mode.h>

namespace halftone {

AutocastScope::AutocastScope(c10::DeviceType device, c10::ScalarType type) : m_device(device)
{
    enter(type);
}

AutocastScope::AutocastScope(c10::DeviceType device) : m_device(device)
{
    if (device == c10::DeviceType::CUDA)
        enter(c10::ScalarType::BFloat16);
}

void AutocastScope::enter(c10::ScalarType type)
{
    m_enabledBefore = at::autocast::is_autocast_enabled(m_device);
    m_typeBefore = at::autocast::get_autocast_dtype(m_device);
    at::autocast::set_autocast_dtype(m_device, type);
    at::autocast::set_autocast_enabled(m_device, true);
    at::autocast::increment_nesting();
    m_entered = true;
}

AutocastScope::~AutocastScope()
{
    if (!m_entered)
        return;
    if (at::autocast::decrement_nesting() == 0)
        at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(m_device, m_enabledBefore);
    at::autocast::set_autocast_dtype(m_device, m_typeBefore);
}

} // namespace halftone
